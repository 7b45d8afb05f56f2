variable "name" {
  description = "Name of the security group, unique in its network."
  type        = string

  validation {
    condition     = !startswith(var.name, "sg-") && length(var.name) <= 255
    error_message = "The name has up to 255 characters and does not begin with sg-."
  }
}

variable "description" {
  description = "What the group is for; AWS cannot change it later, a new text replaces the group."
  type        = string
  default     = "Managed by MCOP"
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
}

variable "ingress" {
  description = "Traffic let in, by a name of your own: a port (or the range port to to_port) and one source."
  type = map(object({
    port              = number
    to_port           = optional(number)
    protocol          = optional(string, "tcp")
    description       = optional(string)
    cidr_ipv4         = optional(string)
    security_group_id = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for rule in values(var.ingress) : (rule.cidr_ipv4 == null) != (rule.security_group_id == null)])
    error_message = "A rule has either cidr_ipv4 or security_group_id."
  }

  validation {
    condition     = alltrue([for rule in values(var.ingress) : contains(["tcp", "udp"], rule.protocol)])
    error_message = "The protocol is tcp or udp."
  }

  validation {
    condition     = alltrue([for rule in values(var.ingress) : rule.cidr_ipv4 != "0.0.0.0/0"])
    error_message = "No rule lets in the whole internet; name the networks."
  }
}

variable "egress" {
  description = "Traffic let out, by a name of your own: a port (or the range port to to_port) and one destination."
  type = map(object({
    port              = number
    to_port           = optional(number)
    protocol          = optional(string, "tcp")
    description       = optional(string)
    cidr_ipv4         = optional(string)
    security_group_id = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for rule in values(var.egress) : (rule.cidr_ipv4 == null) != (rule.security_group_id == null)])
    error_message = "A rule has either cidr_ipv4 or security_group_id."
  }

  validation {
    condition     = alltrue([for rule in values(var.egress) : contains(["tcp", "udp"], rule.protocol)])
    error_message = "The protocol is tcp or udp."
  }
}

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
