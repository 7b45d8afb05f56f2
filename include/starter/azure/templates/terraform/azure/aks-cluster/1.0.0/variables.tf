variable "name" {
  description = "Name of the cluster."
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
  description = "Ids of subnets; nodes are put into the first."
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
  description = "Size of a node: small (2 processors, 8 GiB), medium (4 and 16) or large (8 and 32)."
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

variable "pod_cidr" {
  description = "IPv4 range of the pods."
  type        = string
  default     = "192.168.0.0/16"
}

variable "service_cidr" {
  description = "IPv4 range of the services."
  type        = string
  default     = "172.16.0.0/16"
}

variable "tags" {
  description = "Tags of the cluster."
  type        = map(string)
  default     = {}
}
