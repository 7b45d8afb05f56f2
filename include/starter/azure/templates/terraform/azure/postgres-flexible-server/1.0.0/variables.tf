variable "name" {
  description = "Name of the server, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
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

variable "subnet_ids" {
  description = "Ids of subnets; the private endpoint is put into the first."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "There is at least one subnet."
  }

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("/virtualNetworks/[^/]+/subnets/[^/]+$", id))])
    error_message = "A subnet is named by its full id, which ends with /virtualNetworks/NAME/subnets/NAME."
  }
}

variable "size" {
  description = "small (1 processor, 2 GiB), medium (2 and 8) or large (4 and 16)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "storage_gb" {
  description = "Storage in gigabytes, 32 and its doubles."
  type        = number
  default     = 32

  validation {
    condition     = contains([32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384], var.storage_gb)
    error_message = "The storage is 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192 or 16384 gigabytes."
  }
}

variable "database_name" {
  description = "Name of the database."
  type        = string
  default     = "application"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "The name has up to 63 lower-case letters, digits and _, and begins with a letter."
  }
}

variable "deletion_protection" {
  description = "Whether a lock keeps others from deleting the server; destroying the component takes it first."
  type        = bool
  default     = true
}

variable "private_dns_zone_id" {
  description = "Zone privatelink.postgres.database.azure.com of the network; null for one of the server's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource that has some."
  type        = map(string)
  default     = {}
}
