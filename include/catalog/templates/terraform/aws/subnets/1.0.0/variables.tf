variable "name" {
  description = "Beginning of the Name tags; the zone's letter is appended."
  type        = string
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
}

variable "cidr_block" {
  description = "IPv4 range of the network, of which each zone gets one part."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr_block, 0))
    error_message = "The range is an IPv4 network in CIDR notation, for example 10.20.0.0/16."
  }
}

variable "region" {
  description = "Region of the network, for example us-east-1."
  type        = string
}

variable "zones" {
  description = "Letters of the availability zones that get a subnet."
  type        = list(string)

  validation {
    condition     = length(var.zones) > 0 && length(var.zones) == length(distinct(var.zones))
    error_message = "At least one zone, and none twice."
  }

  validation {
    condition     = alltrue([for zone in var.zones : contains(["a", "b", "c", "d", "e", "f"], zone)])
    error_message = "A zone is one letter from a to f."
  }
}

variable "newbits" {
  description = "How many bits a subnet's prefix is longer than the network's; 3 gives eight parts."
  type        = number
  default     = 4

  validation {
    condition     = var.newbits >= 3 && var.newbits <= 8
    error_message = "Between 3 (six zones need eight parts) and 8."
  }
}

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
