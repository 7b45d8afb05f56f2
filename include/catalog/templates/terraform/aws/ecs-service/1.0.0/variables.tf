variable "name" {
  description = "Name of the service, of its task definition, and of its cluster if it has its own."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,200}$", var.name))
    error_message = "The name has 1 to 200 letters, digits, hyphens and underscores."
  }
}

variable "region" {
  description = "Region of the service, for example us-east-1."
  type        = string
}

variable "image" {
  description = "Image of the container, by tag or digest."
  type        = string

  validation {
    condition     = can(regex("[:@]", var.image)) && !endswith(var.image, ":latest")
    error_message = "An image has a tag or a digest, and the tag is not latest: what runs would not be known."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets that tasks are spread over; they must reach the registry, through endpoints or a gateway."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "At least one subnet."
  }
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches the tasks."
  type        = list(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "At least one security group."
  }
}

variable "execution_role_arn" {
  description = "ARN of the role that ECS itself acts as: it pulls the image, reads the secrets and writes the log."
  type        = string

  validation {
    condition     = startswith(var.execution_role_arn, "arn:")
    error_message = "The role is given by its ARN."
  }
}

variable "task_role_arn" {
  description = "ARN of the role that the program in the container acts as; null for none."
  type        = string
  default     = null
}

variable "cluster_arn" {
  description = "ARN of the cluster; null for one of its own, which costs nothing."
  type        = string
  default     = null
}

variable "port" {
  description = "Port on which the container listens."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "Between 1 and 65535."
  }
}

variable "target_group_arn" {
  description = "ARN of the load balancer's target group, of type ip, that tasks join; null for none."
  type        = string
  default     = null
}

variable "grace_period_s" {
  description = "How long a new task may take until the load balancer's word on its health counts, in seconds."
  type        = number
  default     = 60
}

variable "cpu" {
  description = "Share of a processor that a task has: 256, 512, 1024, 2048, 4096, 8192 or 16384, where 1024 is a whole one."
  type        = number
  default     = 256

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "Fargate has 256, 512, 1024, 2048, 4096, 8192 and 16384."
  }
}

variable "memory_mb" {
  description = "Memory of a task, in MiB; Fargate allows two to eight times the cpu."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 512 && var.memory_mb <= 122880 && (var.memory_mb == 512 || var.memory_mb % 1024 == 0)
    error_message = "512, or whole GiB up to 122880."
  }
}

variable "architecture" {
  description = "What the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "The architecture is X86_64 or ARM64."
  }
}

variable "desired_count" {
  description = "How many tasks run."
  type        = number
  default     = 2

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "A whole number, 0 or more."
  }
}

variable "environment" {
  description = "Environment of the container. Not for secrets."
  type        = map(string)
  default     = {}
}

variable "secret_arns" {
  description = "Name in the environment -> ARN of the secret or parameter whose value stands there; the execution role must be allowed to read it."
  type        = map(string)
  default     = {}
}

variable "log_group_name" {
  description = "Name of the log group; null for one of its own, which keeps lines for 30 days."
  type        = string
  default     = null
}

variable "read_only_root" {
  description = "Whether the container cannot write to its own file system."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource, tasks included."
  type        = map(string)
  default     = {}
}
