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
  description = "Ids of VPCs; nodes are put into the first."
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
  description = "Size of a node: small (2 processors, 4 GiB), medium (4 and 8) or large (8 and 16)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "node_count" {
  description = "How many nodes there are."
  type        = number
  default     = 2

  validation {
    condition     = var.node_count >= 1 && var.node_count <= 100 && floor(var.node_count) == var.node_count
    error_message = "The number of nodes is a whole one between 1 and 100."
  }
}

variable "allowed_addresses" {
  description = "Public addresses in CIDR notation that may reach the API beside the network."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.allowed_addresses : can(cidrhost(one, 0)) && one != "0.0.0.0/0"])
    error_message = "An address is in CIDR notation, and not everybody's."
  }
}

variable "highly_available" {
  description = "Whether the control plane has several machines; it cannot be taken back."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the cluster and of its nodes, as name:value."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[A-Za-z0-9_-]+$", key)) && can(regex("^[A-Za-z0-9_-]*$", value))])
    error_message = "DigitalOcean's tags have letters, digits, _ and -; each is written as name:value."
  }
}
