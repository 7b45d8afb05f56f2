variable "name" {
  description = "Name tag of the network."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "region" {
  description = "Region of the network, the one of the adapter."
  type        = string
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

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
