variable "name" {
  description = "Name of the instance, not used in the last week."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Region that it is put into, for example europe-west1; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.placement))
    error_message = "The placement is a region of Google Cloud, for example europe-west1."
  }
}

variable "subnet_ids" {
  description = "Self links of subnets; it answers in the network of the first."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "There is at least one subnet."
  }

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("/regions/[^/]+/subnetworks/[^/]+$", id))])
    error_message = "A subnet is named by its self link, which ends with /regions/REGION/subnetworks/NAME."
  }
}

variable "size" {
  description = "small (1 processor, 3.75 GiB), medium (2 and 7.5) or large (4 and 15)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "storage_gb" {
  description = "Storage in gigabytes, which grows when it is full."
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
  description = "Whether Google Cloud refuses to delete the instance."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Labels of the instance."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
