variable "name" {
  description = "Name of the policy, unique in its role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", var.name))
    error_message = "The name has 1 to 128 letters, digits and characters of +=,.@_-."
  }
}

variable "role_name" {
  description = "Name of the role that gets the policy."
  type        = string
}

variable "statements" {
  description = "What the role may do, on which resources, and when. All conditions of a statement must hold."
  type = list(object({
    sid       = string
    effect    = optional(string, "Allow")
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      operator = string
      key      = string
      values   = list(string)
    })), [])
  }))

  validation {
    condition     = length(var.statements) > 0
    error_message = "A policy has at least one statement."
  }

  validation {
    condition     = length(var.statements) == length(distinct(var.statements[*].sid))
    error_message = "Each statement has a sid of its own."
  }

  validation {
    condition     = alltrue([for statement in var.statements : contains(["Allow", "Deny"], statement.effect)])
    error_message = "The effect is Allow or Deny."
  }

  validation {
    condition = alltrue([
      for action in flatten([for statement in var.statements : statement.actions if statement.effect == "Allow"]) :
      can(regex("^[a-z0-9-]+:[A-Za-z]+[*]?$", action))
    ])
    error_message = "An allowed action names its service and an operation, for example s3:GetObject or s3:Get*; never * alone."
  }
}
