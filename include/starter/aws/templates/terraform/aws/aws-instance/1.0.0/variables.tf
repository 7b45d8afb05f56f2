variable "name" {
  description = "Name tag of the machine, and name of its key."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Region that it is put into, the one of the adapter; as a network gives it."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of subnets; it is put into the first."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "There is at least one subnet."
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

variable "ssh_public_key" {
  description = "Public key of whoever logs in."
  type        = string

  validation {
    condition     = can(regex("^ssh-(rsa|ed25519) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "The key is the line of a .pub file of OpenSSH, ssh-rsa or ssh-ed25519."
  }
}

variable "startup_script" {
  description = "What cloud-init runs once, as user data; another text replaces the machine."
  type        = string
  default     = ""
}

variable "ami_id" {
  description = "Id of another image of Linux for x86_64; null for the newest Ubuntu 24.04 when the machine is made."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-z]+$", var.ami_id))
    error_message = "An image's id begins with ami-."
  }
}

variable "disk_gb" {
  description = "Size of the disk in gigabytes."
  type        = number
  default     = 20

  validation {
    condition     = var.disk_gb >= 8 && var.disk_gb <= 16384
    error_message = "The disk has between 8 and 16384 gigabytes."
  }
}

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
