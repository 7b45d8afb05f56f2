variable "name" {
  description = "Beginning of the Name tags; the service's name is appended."
  type        = string
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
}

variable "region" {
  description = "Region of the network, for example us-east-1."
  type        = string
}

variable "gateways" {
  description = "Services that are reached by a route, at no cost: s3 and dynamodb."
  type        = list(string)
  default     = ["s3", "dynamodb"]

  validation {
    condition     = alltrue([for service in var.gateways : contains(["s3", "dynamodb"], service)])
    error_message = "There are gateways to s3 and dynamodb alone; others are interfaces."
  }
}

variable "route_table_ids" {
  description = "Ids of the route tables that lead to the gateways."
  type        = list(string)
}

variable "interfaces" {
  description = "Services that are reached by an address in each subnet, paid by the hour: ecr.api, ecr.dkr, logs, secretsmanager, sqs and others."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.interfaces : can(regex("^[a-z0-9.-]+$", service)) && !startswith(service, "com.")])
    error_message = "A service is named without com.amazonaws and the region, for example ecr.api."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets that interfaces lie in, one per availability zone."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches the interfaces on port 443."
  type        = list(string)
  default     = []
}

variable "private_dns" {
  description = "Whether the services' usual names lead to the interfaces; the network must have DNS host names enabled."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
