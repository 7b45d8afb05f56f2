variable "name" {
  description = "Name of the cluster, and beginning of the names of its roles."
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
  description = "Ids of subnets of control plane and nodes, in two zones or more."
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

variable "admin_role_arns" {
  description = "ARNs of the roles that administer the cluster."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.admin_role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "An administrator is a role, arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
