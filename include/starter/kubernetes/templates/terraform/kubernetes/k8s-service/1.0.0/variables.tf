variable "name" {
  description = "Name of the service."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "A name of Kubernetes has up to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "namespace" {
  description = "Namespace of the service and of its pods."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A name of Kubernetes has up to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "selector" {
  description = "Labels of the pods that answer, as a deployment gives them."
  type        = map(string)

  validation {
    condition     = length(var.selector) > 0
    error_message = "The selector has at least one label: without any it would take no pods."
  }
}

variable "port" {
  description = "Port on which the service answers."
  type        = number
  default     = 80

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "The port is between 1 and 65535."
  }
}

variable "target_port" {
  description = "Port on which the pods listen."
  type        = number
  default     = 8080

  validation {
    condition     = var.target_port >= 1 && var.target_port <= 65535
    error_message = "The port is between 1 and 65535."
  }
}

variable "callers" {
  description = "Namespaces beside its own whose pods may call it."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Labels of the service."
  type        = map(string)
  default     = {}
}
