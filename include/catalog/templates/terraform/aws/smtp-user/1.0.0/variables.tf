variable "name" {
  description = "Name of the user, unique in the account."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "The name has 1 to 64 letters, digits and characters of +=,.@_-."
  }
}

variable "path" {
  description = "Path of the user in IAM."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9_-]+/)*$", var.path))
    error_message = "The path begins and ends with a slash."
  }
}

variable "sender" {
  description = "The one address that the user may send from."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s*?]+@[^@\\s*?]+[.][^@\\s*?]+$", var.sender))
    error_message = "The sender is one mail address, without wildcards."
  }
}

variable "generation" {
  description = "Count up to replace the password."
  type        = number
  default     = 1
}

variable "tags" {
  description = "Tags of the user."
  type        = map(string)
  default     = {}
}
