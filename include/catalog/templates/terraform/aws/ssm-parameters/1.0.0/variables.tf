variable "path" {
  description = "Beginning of all names, for example /storefront/production."
  type        = string

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+){1,14}$", var.path)) && !can(regex("(?i)^/(aws|ssm)", var.path))
    error_message = "The path begins with a slash, does not end with one, and does not begin with /aws or /ssm."
  }
}

variable "values" {
  description = "Texts by name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.values) : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "A name has letters, digits and characters of _.-."
  }
}

variable "lists" {
  description = "Lists of texts by name; an item holds no comma."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.lists) : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "A name has letters, digits and characters of _.-."
  }

  validation {
    condition     = alltrue([for item in flatten(values(var.lists)) : !strcontains(item, ",")])
    error_message = "An item holds no comma, since Parameter Store separates items by commas."
  }
}

variable "secrets" {
  description = "Secret texts by name, stored encrypted."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "A name has letters, digits and characters of _.-."
  }
}

variable "kms_key_id" {
  description = "Id or alias of the key that encrypts the secrets."
  type        = string
  default     = "alias/aws/ssm"
}

variable "tags" {
  description = "Tags of every parameter."
  type        = map(string)
  default     = {}
}
