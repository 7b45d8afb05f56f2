variable "name" {
  description = "Name of the load balancer and of its target group, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", var.name)) && !startswith(var.name, "internal-")
    error_message = "The name has up to 32 letters, digits and hyphens, none at its ends, and does not begin with internal-."
  }
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the subnets that it listens in, in two availability zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "At least two subnets, in different availability zones."
  }
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches it, and that let it reach its targets."
  type        = list(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "At least one security group."
  }
}

variable "internal" {
  description = "Whether only the network reaches it; another value replaces it. The internet needs public subnets and a certificate."
  type        = bool
  default     = true
}

variable "certificate_arn" {
  description = "ARN of the certificate with which it speaks HTTPS, and sends HTTP there; null for HTTP alone, inside the network."
  type        = string
  default     = null
}

variable "target_type" {
  description = "What the targets are: instance for an autoscaling group, ip for an ECS service."
  type        = string
  default     = "instance"

  validation {
    condition     = contains(["instance", "ip"], var.target_type)
    error_message = "The type is instance or ip."
  }
}

variable "target_port" {
  description = "Port on which the targets speak HTTP."
  type        = number
  default     = 8080

  validation {
    condition     = var.target_port >= 1 && var.target_port <= 65535
    error_message = "Between 1 and 65535."
  }
}

variable "health_path" {
  description = "Path that a healthy target answers with a status of 200 to 399."
  type        = string
  default     = "/"

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "The path begins with a slash."
  }
}

variable "idle_timeout_s" {
  description = "After how many seconds of silence a connection is closed."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_timeout_s >= 1 && var.idle_timeout_s <= 4000
    error_message = "Between 1 and 4000 seconds."
  }
}

variable "access_log_bucket" {
  description = "Name of the bucket that gets a line for each request, if its policy lets load balancers write; null for no log."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
