variable "name" {
  description = "Name of the machine."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.name))
    error_message = "The name has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens; its service account is called so too."
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
  description = "Self links of subnets; it is put into the first."
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
  description = "small (2 shared processors, 2 GiB), medium (2 and 8) or large (4 and 16)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "ssh_public_key" {
  description = "Public key of whoever logs in."
  type        = string

  validation {
    condition     = can(regex("^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp[0-9]+) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "The key is the line of a .pub file of OpenSSH, ssh-ed25519 AAAA\u2026."
  }
}

variable "startup_script" {
  description = "What cloud-init runs once, as user data."
  type        = string
  default     = ""
}

variable "admin_username" {
  description = "Name of the user who logs in."
  type        = string
  default     = "operator"
}

variable "disk_gb" {
  description = "Size of the disk in gigabytes."
  type        = number
  default     = 20

  validation {
    condition     = var.disk_gb >= 10 && var.disk_gb <= 65536
    error_message = "The disk has between 10 and 65536 gigabytes."
  }
}

variable "tags" {
  description = "Labels of the machine."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
