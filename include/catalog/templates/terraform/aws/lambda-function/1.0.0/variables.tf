variable "name" {
  description = "Name of the function, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "The name has 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "What the function does."
  type        = string
  default     = "Managed by MCOP"
}

variable "role_arn" {
  description = "ARN of the role that the function acts as; it needs no more than to write into the log group and what its code does."
  type        = string

  validation {
    condition     = startswith(var.role_arn, "arn:")
    error_message = "The role is given by its ARN."
  }
}

variable "package" {
  description = "Where the zipped code lies, what runs it and where it begins; null for an image. Without a version, code that is put there later is not noticed."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
    runtime = string
    handler = string
  })
  default = null
}

variable "image_uri" {
  description = "The code as an image in ECR, by tag or digest; null for a package."
  type        = string
  default     = null
}

variable "architecture" {
  description = "What the code is built for: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "memory_mb" {
  description = "Memory of one call, in MiB; the share of a processor goes with it."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "Between 128 and 10240 MiB."
  }
}

variable "timeout_s" {
  description = "How long a call may take, in seconds."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout_s >= 1 && var.timeout_s <= 900
    error_message = "Between 1 and 900 seconds."
  }
}

variable "reserved_concurrency" {
  description = "How many calls run at once at most; -1 for as many as the account allows."
  type        = number
  default     = -1
}

variable "environment" {
  description = "Environment of the code. Not for secrets: name them here and let the code ask Secrets Manager."
  type        = map(string)
  default     = {}
}

variable "subnet_ids" {
  description = "Ids of the subnets that the code reaches; none for a function outside of any network."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Ids of the security groups that say what the code reaches there."
  type        = list(string)
  default     = []
}

variable "invokers" {
  description = "Who may call it, by a name of your own: an AWS service, and the ARN or the account that it must call for."
  type = map(object({
    service        = string
    source_arn     = optional(string)
    source_account = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for invoker in values(var.invokers) : endswith(invoker.service, ".amazonaws.com")])
    error_message = "A service's name ends in .amazonaws.com; never *."
  }

  validation {
    condition     = alltrue([for invoker in values(var.invokers) : invoker.source_arn != null || invoker.source_account != null])
    error_message = "An invoker names the source_arn or the source_account that the service must call for; without, anybody's would do."
  }
}

variable "queue_arns" {
  description = "ARNs of the SQS queues whose messages it handles; the role must be allowed to receive and delete them."
  type        = list(string)
  default     = []
}

variable "queue_batch_size" {
  description = "How many messages of a queue it gets at once at most."
  type        = number
  default     = 10

  validation {
    condition     = var.queue_batch_size >= 1 && var.queue_batch_size <= 10
    error_message = "Between 1 and 10."
  }
}

variable "dead_letter_arn" {
  description = "ARN of the queue or topic that gets the events of calls that failed; null for none."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long log lines are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps lines for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the environment; null for a key of Lambda's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of function and log group."
  type        = map(string)
  default     = {}
}
