variable "name" {
  description = "Name of the role, unique in the account."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "The name has 1 to 64 letters, digits and characters of +=,.@_-."
  }
}

variable "description" {
  description = "What the role is for."
  type        = string
  default     = "Managed by MCOP"
}

variable "path" {
  description = "Path of the role in IAM."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9_-]+/)*$", var.path))
    error_message = "The path begins and ends with a slash."
  }
}

variable "trusted_service" {
  description = "The AWS service that may take on the role, for example ecs-tasks.amazonaws.com."
  type        = string

  validation {
    condition     = endswith(var.trusted_service, ".amazonaws.com")
    error_message = "A service's name ends in .amazonaws.com; accounts and users are not trusted by this module."
  }
}

variable "max_session_s" {
  description = "How long a session of the role lasts at most, in seconds."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_s >= 3600 && var.max_session_s <= 43200
    error_message = "Between 3600 (one hour) and 43200 (twelve hours)."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the role can be given; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}
