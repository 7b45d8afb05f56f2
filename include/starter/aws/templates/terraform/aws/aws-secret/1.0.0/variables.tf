variable "name" {
  description = "Name of the secret, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.name))
    error_message = "The name has 1 to 512 letters, digits and characters of /_+=.@-."
  }
}

variable "placement" {
  description = "Region that it is put into, the one of the adapter; as a network gives it."
  type        = string
}

variable "value" {
  description = "What is kept secret."
  type        = string
  sensitive   = true

  validation {
    condition     = var.value == null ? false : length(var.value) >= 1 && length(var.value) <= 65536
    error_message = "The value has 1 to 65536 characters. The password of aws-database is none: RDS keeps it, see login_secret."
  }
}

variable "recovery_days" {
  description = "How long a destroyed secret can be taken back, in days; 0 to delete it at once."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "The number of days is 0, or between 7 and 30."
  }
}

variable "tags" {
  description = "Tags of the secret."
  type        = map(string)
  default     = {}
}
