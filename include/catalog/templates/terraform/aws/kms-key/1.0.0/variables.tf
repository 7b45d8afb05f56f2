variable "name" {
  description = "Alias of the key without alias/, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_-]{1,250}$", var.name)) && !startswith(var.name, "aws/")
    error_message = "The alias has 1 to 250 letters, digits and characters of /_-, and does not begin with aws/."
  }
}

variable "description" {
  description = "What the key is for; null for its alias."
  type        = string
  default     = null
}

variable "services" {
  description = "AWS services that may use the key for this account, for example sns.amazonaws.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.services : endswith(service, ".amazonaws.com")])
    error_message = "A service's name ends in .amazonaws.com; roles are given a key by their own policies."
  }
}

variable "deletion_window_days" {
  description = "How long a destroyed key can still be taken back, in days."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "Between 7 and 30 days."
  }
}

variable "tags" {
  description = "Tags of the key."
  type        = map(string)
  default     = {}
}
