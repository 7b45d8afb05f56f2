variable "name" {
  description = "Name of the machine, which is its host name too."
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
  description = "Ids of subnets; it is put into the first."
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
  description = "small (2 processors, 4 GiB), medium (2 and 8) or large (4 and 16)."
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
    condition     = can(regex("^ssh-(rsa|ed25519) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "The key is the line of a .pub file of OpenSSH, ssh-rsa or ssh-ed25519."
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

variable "encryption_at_host" {
  description = "Whether temporary disks and caches are encrypted too."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the machine and of its network interface."
  type        = map(string)
  default     = {}
}
