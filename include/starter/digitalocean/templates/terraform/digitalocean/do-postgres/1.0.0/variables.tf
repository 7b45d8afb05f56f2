variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Region that it is put into, for example fra1; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.placement))
    error_message = "It is the slug of a region, for example fra1."
  }
}

variable "subnet_ids" {
  description = "Ids of VPCs; it answers in the first."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "There is at least one subnet."
  }

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^[0-9a-f-]{36}$", id))])
    error_message = "A VPC is named by its UUID."
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
  description = "Storage in gigabytes; null for what comes with the size."
  type        = number
  default     = null

  validation {
    condition     = var.storage_gb == null || try(var.storage_gb >= 10 && var.storage_gb <= 16384, false)
    error_message = "The storage has between 10 and 16384 gigabytes."
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
  description = "Only warns: DigitalOcean has nothing that keeps a cluster from being deleted."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the cluster, as name:value."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[A-Za-z0-9_-]+$", key)) && can(regex("^[A-Za-z0-9_-]*$", value))])
    error_message = "DigitalOcean's tags have letters, digits, _ and -; each is written as name:value."
  }
}
