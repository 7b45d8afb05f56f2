variable "name" {
  description = "Name of the vault, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9]){2,23}$", var.name)) && length(var.name) <= 24
    error_message = "The name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Name of the resource group that it is put into, in whose region it is; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_().-]{1,89}[A-Za-z0-9_()-]$", var.placement))
    error_message = "The placement is the name of a resource group: up to 90 letters, digits and characters of _().-, the last no dot."
  }
}

variable "allowed_subnet_ids" {
  description = "Subnets with a service endpoint that may reach it; without any, only private endpoints do."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the vault."
  type        = map(string)
  default     = {}
}
