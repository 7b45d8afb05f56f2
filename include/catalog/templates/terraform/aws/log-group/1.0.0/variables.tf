variable "name" {
  description = "Name of the log group, for example /storefront/production."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_.#-]{1,512}$", var.name))
    error_message = "The name has 1 to 512 letters, digits and characters of /_.#-."
  }
}

variable "retention_days" {
  description = "How long log lines are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.retention_days)
    error_message = "CloudWatch keeps lines for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "tags" {
  description = "Tags of the log group."
  type        = map(string)
  default     = {}
}
