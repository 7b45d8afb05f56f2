variable "name" {
  description = "Name of the namespace."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "A name of Kubernetes has up to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }

  validation {
    condition     = !startswith(var.name, "kube-") && var.name != "default"
    error_message = "Namespaces of Kubernetes itself, default and kube-\u2026, are not ours to make."
  }
}

variable "pod_security" {
  description = "Pod Security Standard that is enforced: restricted or baseline."
  type        = string
  default     = "restricted"

  validation {
    condition     = contains(["restricted", "baseline"], var.pod_security)
    error_message = "The standard is restricted or baseline."
  }
}

variable "limits" {
  description = "Resource to the most that all pods ask for, for example requests.cpu to 4."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Labels of the namespace."
  type        = map(string)
  default     = {}
}
