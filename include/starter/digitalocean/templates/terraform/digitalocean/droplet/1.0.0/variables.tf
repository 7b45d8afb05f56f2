variable "name" {
  description = "Name of the machine, which is its host name too."
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
  description = "Ids of VPCs; it is put into the first."
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

variable "ssh_public_key" {
  description = "Public key of whoever logs in, one that the account does not have yet."
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

variable "backups" {
  description = "Whether a backup is made each week."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the machine, as name:value."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[A-Za-z0-9_-]+$", key)) && can(regex("^[A-Za-z0-9_-]*$", value))])
    error_message = "DigitalOcean's tags have letters, digits, _ and -; each is written as name:value."
  }
}
