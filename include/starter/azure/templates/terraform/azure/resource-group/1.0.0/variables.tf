variable "name" {
  description = "Name of the group, unique in the subscription."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_().-]{1,89}[A-Za-z0-9_()-]$", var.name))
    error_message = "The name has up to 90 letters, digits and characters of _().-, the last no dot."
  }
}

variable "region" {
  description = "Region as Azure calls it, for example westeurope."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]+$", var.region))
    error_message = "The region is Azure's name of it in lower-case letters and digits, for example westeurope."
  }
}

variable "locked" {
  description = "Whether Azure refuses to delete the group and what is in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the group."
  type        = map(string)
  default     = {}
}
