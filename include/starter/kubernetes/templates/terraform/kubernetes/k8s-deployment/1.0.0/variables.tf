variable "name" {
  description = "Name of the deployment."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "A name of Kubernetes has up to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "namespace" {
  description = "Namespace that it is put into."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A name of Kubernetes has up to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "image" {
  description = "Image with a tag or a digest."
  type        = string

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]*)$", var.image)) && !endswith(var.image, ":latest")
    error_message = "The image has a tag other than latest, or a digest."
  }
}

variable "replicas" {
  description = "How many pods there are."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 0 && floor(var.replicas) == var.replicas
    error_message = "The number of pods is a whole one."
  }
}

variable "port" {
  description = "Port on which the program listens, above 1023."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1024 && var.port <= 65535
    error_message = "The port is between 1024 and 65535: lower ones need privileges."
  }
}

variable "health_path" {
  description = "Path that answers with 200 once the program is ready."
  type        = string
  default     = "/"
}

variable "environment" {
  description = "Variables of the program."
  type        = map(string)
  default     = {}
}

variable "secret_environment" {
  description = "Secret of the namespace whose entries are variables too; null for none."
  type        = string
  default     = null
}

variable "cpu" {
  description = "Processor that a pod asks for."
  type        = string
  default     = "100m"
}

variable "memory" {
  description = "Memory that a pod asks for, and the most that it gets."
  type        = string
  default     = "128Mi"
}

variable "run_as_user" {
  description = "User id that the program runs as."
  type        = number
  default     = 10001

  validation {
    condition     = var.run_as_user > 0
    error_message = "The program does not run as root."
  }
}

variable "tags" {
  description = "Labels of the deployment and of its pods."
  type        = map(string)
  default     = {}
}
