variable "name" {
  description = "Name of the cluster, unique in the account and region; also the beginning of the names of its roles and nodes."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,55}$", var.name))
    error_message = "The name has up to 56 letters, digits, hyphens and underscores, and begins with a letter or digit."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets of control plane and nodes, in two availability zones or more; nodes must reach the registry from there."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "At least two subnets, in different availability zones."
  }
}

variable "security_group_ids" {
  description = "Ids of further security groups that say who reaches the control plane inside the network; EKS makes one of its own for the nodes."
  type        = list(string)
  default     = []
}

variable "kubernetes_version" {
  description = "Version of Kubernetes, for example 1.32; null for EKS's default when the cluster is made, and to leave it there."
  type        = string
  default     = null

  validation {
    condition     = var.kubernetes_version == null || can(regex("^1[.][0-9]{2}$", var.kubernetes_version))
    error_message = "A version has major and minor number alone, for example 1.32."
  }
}

variable "public_cidrs" {
  description = "Networks of the internet that reach the control plane; none for the network alone."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.public_cidrs, "0.0.0.0/0") && alltrue([for cidr in var.public_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Networks in CIDR notation, never the whole internet."
  }
}

variable "admin_role_arns" {
  description = "ARNs of the roles that administer the cluster; without any nobody can, until one is added."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.admin_role_arns : startswith(arn, "arn:")])
    error_message = "An administrator is the ARN of a role."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts Kubernetes' secrets a second time; null for a key of EKS's own. It cannot be taken back."
  type        = string
  default     = null
}

variable "node_types" {
  description = "Types of the nodes' instances, the preferred one first."
  type        = list(string)
  default     = ["t3.medium"]

  validation {
    condition     = length(var.node_types) > 0
    error_message = "At least one type."
  }
}

variable "node_architecture" {
  description = "Architecture of those types: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.node_architecture)
    error_message = "The architecture is x86_64 or arm64."
  }
}

variable "min_nodes" {
  description = "How many nodes there are at least, and at the beginning."
  type        = number
  default     = 2

  validation {
    condition     = var.min_nodes >= 0 && floor(var.min_nodes) == var.min_nodes
    error_message = "A whole number, 0 or more."
  }
}

variable "max_nodes" {
  description = "How many nodes there are at most."
  type        = number
  default     = 4

  validation {
    condition     = var.max_nodes >= 1 && floor(var.max_nodes) == var.max_nodes
    error_message = "A whole number, 1 or more."
  }
}

variable "node_volume_gb" {
  description = "Size of a node's volume, in GiB."
  type        = number
  default     = 30

  validation {
    condition     = var.node_volume_gb >= 20 && var.node_volume_gb <= 16384
    error_message = "Between 20 and 16384 GiB."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's log lines are kept, in days."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps lines for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "tags" {
  description = "Tags of every resource, nodes included."
  type        = map(string)
  default     = {}
}
