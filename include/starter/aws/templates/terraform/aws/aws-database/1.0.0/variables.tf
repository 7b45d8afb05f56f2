variable "name" {
  description = "Name of the instance, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){1,53}$", var.name))
    error_message = "The name has 2 to 54 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Region that it is put into, the one of the adapter; as a network gives it."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of subnets that it may be in, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "There are at least two subnets, in different zones."
  }

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^subnet-[0-9a-z]+$", id))])
    error_message = "A subnet is named by its id, subnet-\u2026."
  }
}

variable "size" {
  description = "small (2 processors, 2 GiB), medium (2 and 8) or large (4 and 16)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "storage_gb" {
  description = "Storage in gigabytes."
  type        = number
  default     = 32

  validation {
    condition     = var.storage_gb >= 32 && var.storage_gb <= 16384 && floor(var.storage_gb) == var.storage_gb
    error_message = "The storage is a whole number of gigabytes between 32 and 16384."
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

variable "highly_available" {
  description = "Whether a second instance stands by in another zone."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instance; it leaves a last snapshot then too."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
