variable "name" {
  description = "Name of the secret, and of its own vault, where it is then unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9]){2,23}$", var.name)) && length(var.name) <= 24
    error_message = "The name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "placement" {
  description = "Name of the resource group that it is put into, in whose region it is; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_().-]{1,89}[A-Za-z0-9_()-]$", var.placement))
    error_message = "The placement is the name of a resource group: up to 90 letters, digits and characters of _().-, the last no dot."
  }
}

variable "value" {
  description = "What is kept secret."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.value) >= 1 && length(var.value) <= 25000
    error_message = "The value has 1 to 25000 characters."
  }
}

variable "key_vault_id" {
  description = "Id of a vault that is there; null for one of the secret's own."
  type        = string
  default     = null
}

variable "allowed_ip_ranges" {
  description = "Public addresses in CIDR notation that may reach the secret's own vault."
  type        = list(string)
  default     = []
}

variable "allowed_subnet_ids" {
  description = "Subnets with a service endpoint that may reach the secret's own vault."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the secret and of its own vault."
  type        = map(string)
  default     = {}
}
