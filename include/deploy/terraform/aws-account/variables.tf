variable "name" {
  description = "Name of the role; the same in every account, the execution_role_name of the module aws."
  type        = string
  default     = "mcop-execution"
}

variable "worker_role_arn" {
  description = "The worker's role of the installation, role_arns.worker of the module aws: it alone may take on this one."
  type        = string
}

variable "external_id" {
  description = "What whoever takes on the role must name, the external_id of the adapter's assume_role; null for nothing."
  type        = string
  default     = null
}

variable "policy_arns" {
  description = "What primitives may do in this account: managed policies, those of the resources that your catalog makes."
  type        = list(string)

  validation {
    condition     = length(var.policy_arns) > 0
    error_message = "Without a policy no primitive can make anything here."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy beyond which the role may do nothing, whatever else is attached; null for none."
  type        = string
  default     = null
}

variable "session_hours" {
  description = "How long a session may last, in hours; an apply that takes longer loses its credentials."
  type        = number
  default     = 4

  validation {
    condition     = var.session_hours >= 1 && var.session_hours <= 12
    error_message = "Between 1 and 12 hours."
  }
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}
