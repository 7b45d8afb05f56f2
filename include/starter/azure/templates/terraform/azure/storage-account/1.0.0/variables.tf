variable "name" {
  description = "Name of the account with or without hyphens, unique in the world without them."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name)) && length(replace(var.name, "-", "")) >= 3 && length(replace(var.name, "-", "")) <= 24
    error_message = "The name has 3 to 24 lower-case letters and digits, and hyphens between them, which are left out."
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

variable "versioning" {
  description = "Whether earlier versions of objects are kept."
  type        = bool
  default     = true
}

variable "replication" {
  description = "LRS in one zone, ZRS over three, GRS and GZRS in a second region too."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.replication)
    error_message = "The replication is LRS, ZRS, GRS or GZRS."
  }
}

variable "keep_deleted_days" {
  description = "For how many days deleted objects and containers can be had back."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_deleted_days >= 1 && var.keep_deleted_days <= 365
    error_message = "The number of days is between 1 and 365."
  }
}

variable "allowed_subnet_ids" {
  description = "Subnets with a service endpoint that may reach it; without any, only private endpoints do."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the account."
  type        = map(string)
  default     = {}
}
