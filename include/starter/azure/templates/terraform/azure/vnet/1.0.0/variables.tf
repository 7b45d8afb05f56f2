variable "name" {
  description = "Name of the network, and of its resource group."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "region" {
  description = "Region as Azure calls it, for example westeurope."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]+$", var.region))
    error_message = "The region is Azure's name of it in lower-case letters and digits, for example westeurope."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the network in CIDR notation, /16 to /24."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && try(cidrhost(var.cidr_block, 0) == split("/", var.cidr_block)[0], false)
    error_message = "The range is an IPv4 network address with its prefix length, for example 10.20.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr_block)[1]) >= 16 && tonumber(split("/", var.cidr_block)[1]) <= 24, false)
    error_message = "The prefix length is between 16 and 24."
  }
}

variable "resource_group_name" {
  description = "Resource group that is there already; null for one of the network's own."
  type        = string
  default     = null
}

variable "service_endpoints" {
  description = "Services that the subnet reaches by their service endpoints."
  type        = list(string)
  default     = ["Microsoft.KeyVault", "Microsoft.Storage"]
}

variable "tags" {
  description = "Tags of every resource that has some."
  type        = map(string)
  default     = {}
}
