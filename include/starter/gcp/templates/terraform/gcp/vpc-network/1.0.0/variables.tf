variable "name" {
  description = "Name of the network."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,51}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 53 lower-case letters, digits and hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "region" {
  description = "Region of the subnet, for example europe-west1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "The region is Google Cloud's name of it, for example europe-west1."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the network in CIDR notation, /16 to /22."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && try(cidrhost(var.cidr_block, 0) == split("/", var.cidr_block)[0], false)
    error_message = "The range is an IPv4 network address with its prefix length, for example 10.20.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr_block)[1]) >= 16 && tonumber(split("/", var.cidr_block)[1]) <= 22, false)
    error_message = "The prefix length is between 16 and 22: managed services take a quarter, a /24 at least."
  }
}

variable "tags" {
  description = "Labels of the range for managed services; networks themselves have none."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
