variable "name" {
  description = "Name tag of the subnet."
  type        = string
}

variable "vpc_id" {
  description = "Id of the network the subnet is part of."
  type        = string
}

variable "availability_zone" {
  description = "Full name of the zone, for example us-east-1a."
  type        = string
}

variable "cidr_block" {
  description = "IPv4 range of the subnet."
  type        = string
}

variable "route_table_id" {
  description = "Id of the route table the subnet uses."
  type        = string
}

variable "tags" {
  description = "Tags of the subnet; Name is set by the module."
  type        = map(string)
  default     = {}
}
