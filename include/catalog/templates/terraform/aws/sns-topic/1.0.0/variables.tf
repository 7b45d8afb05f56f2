variable "name" {
  description = "Name of the topic, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,256}$", var.name))
    error_message = "The name has 1 to 256 letters, digits, hyphens and underscores; this module makes no FIFO topics."
  }
}

variable "publisher_arns" {
  description = "ARNs of the roles that may publish."
  type        = list(string)

  validation {
    condition     = length(var.publisher_arns) > 0 && alltrue([for arn in var.publisher_arns : startswith(arn, "arn:")])
    error_message = "At least one publisher, each an ARN; never *."
  }
}

variable "kms_key_id" {
  description = "Id or alias of the key that encrypts messages at rest."
  type        = string
  default     = "alias/aws/sns"
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
}
