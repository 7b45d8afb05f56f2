variable "name" {
  description = "Account id, the part of its address before the @."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.name))
    error_message = "The name has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "description" {
  description = "What it is for."
  type        = string
  default     = ""
}

variable "project_roles" {
  description = "Roles that it has in the project, for example roles/logging.logWriter."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.project_roles : can(regex("^(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/[A-Za-z0-9_.]+$", role)) && !contains(["roles/owner", "roles/editor"], role)])
    error_message = "A role is called roles/NAME or that of a project or organization, and is neither roles/owner nor roles/editor."
  }
}

variable "users" {
  description = "Members that may act as it."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.users : can(regex("^(user|group|serviceAccount|principal|principalSet):", member))])
    error_message = "A member begins with user:, group:, serviceAccount:, principal: or principalSet:."
  }
}
