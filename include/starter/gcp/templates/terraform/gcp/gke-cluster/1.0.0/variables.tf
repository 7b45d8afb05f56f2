variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 24 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens; a service account is called so too."
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
  description = "Self links of subnets; nodes are put into the first."
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
  description = "Size of a node: small (2 processors, 8 GiB), medium (4 and 16) or large (8 and 32)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "The size is small, medium or large."
  }
}

variable "node_count" {
  description = "How many nodes there are in each zone."
  type        = number
  default     = 1

  validation {
    condition     = var.node_count >= 1 && var.node_count <= 100 && floor(var.node_count) == var.node_count
    error_message = "The number of nodes is a whole one between 1 and 100."
  }
}

variable "control_plane_cidr" {
  description = "IPv4 range of the control plane, a /28 outside of the network."
  type        = string
  default     = "172.16.0.0/28"

  validation {
    condition     = can(cidrhost(var.control_plane_cidr, 0)) && endswith(var.control_plane_cidr, "/28")
    error_message = "The range of the control plane is a /28."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the cluster."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Labels of the cluster and of its nodes."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
