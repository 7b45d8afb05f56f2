variable "name" {
  description = "Name of the secret, unique in the account and region, for example storefront/staging/api-key."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.name))
    error_message = "The name has 1 to 512 letters, digits and characters of /_+=.@-."
  }
}

variable "description" {
  description = "What the secret is for; never what it is."
  type        = string
  default     = "Managed by MCOP"
}

variable "value" {
  description = "The secret; none if has_value is false."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.value == null || try(length(var.value) > 0 && length(var.value) <= 65536, false)
    error_message = "A value has 1 to 65536 characters."
  }
}

# Not told from the value, which may be known only once another component is applied.
variable "has_value" {
  description = "Whether the value is given here; false for a secret whose value somebody else puts in, and which this module never reads."
  type        = bool
  default     = true
}

variable "reader_arns" {
  description = "ARNs of the roles that may read the value; none by the secret's own policy if empty."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.reader_arns : startswith(arn, "arn:")])
    error_message = "A reader is an ARN; never *."
  }
}

variable "kms_key_id" {
  description = "Id, alias or ARN of the key that encrypts the secret; null for the account's aws/secretsmanager."
  type        = string
  default     = null
}

variable "recovery_days" {
  description = "How long a destroyed secret can still be taken back, in days; 0 to delete it at once."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "Between 7 and 30 days, or 0."
  }
}

variable "tags" {
  description = "Tags of the secret."
  type        = map(string)
  default     = {}
}
