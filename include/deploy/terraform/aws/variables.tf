variable "name" {
  description = "Name of the installation; tables, buckets, roles, cluster and repository begin with it."
  type        = string
  default     = "mcop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "The name has 2 to 21 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "bucket_prefix" {
  description = "What the names of the buckets begin with, unique in all of S3; null for name, account and region."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_prefix == null || can(regex("^[a-z0-9][a-z0-9-]{1,50}$", var.bucket_prefix))
    error_message = "The prefix has 2 to 51 lower-case letters, digits and hyphens."
  }
}

variable "is_protected" {
  description = "Whether tables refuse to be deleted, and buckets and the repository to be deleted while anything lies in them."
  type        = bool
  default     = true
}

variable "noncurrent_days" {
  description = "How long S3 keeps what was overwritten or deleted, in days: how far back a state can be restored."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "At least one day."
  }
}

variable "log_retention_days" {
  description = "How long task logs are kept, in the bucket and in CloudWatch, in days."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "One of the retentions of CloudWatch Logs: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "has_lock_table" {
  description = "Whether there is a lock table, for workflows whose backend names a dynamodb_table; use_lockfile needs none."
  type        = bool
  default     = false
}

variable "publishers" {
  description = "ARNs of the principals that may take on the publisher's role, such as the role of a pipeline."
  type        = list(string)
  default     = []
}

variable "airflow_principals" {
  description = "ARNs of the principals that may take on the roles of scheduler and API server, where Airflow does not run on ECS."
  type        = list(string)
  default     = []
}

variable "worker_principals" {
  description = "ARNs of the principals that may take on the worker's role, where workers do not run on ECS."
  type        = list(string)
  default     = []
}

variable "account_ids" {
  description = "Accounts that are deployed to; each has the role of the module aws-account."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "An account's id has 12 digits."
  }
}

variable "execution_role_name" {
  description = "Name of the role that workers assume in each of those accounts."
  type        = string
  default     = "mcop-execution"
}

variable "primitive_types" {
  description = "Types of primitives that are published; those of engines in packages of your own, too."
  type        = list(string)
  default     = ["terraform", "jenkins"]
}

variable "secret_arns" {
  description = "Secrets of Secrets Manager that manifests may refer to, ARNs with their random ending or with a star for it."
  type        = list(string)
  default     = []
}

variable "parameter_arns" {
  description = "Parameters of Systems Manager that manifests may refer to, ARNs or patterns of them."
  type        = list(string)
  default     = []
}

variable "image" {
  description = "Image of the workers; null for the newest in the repository of this module."
  type        = string
  default     = null
}

variable "cpu" {
  description = "CPU of a worker, in units of which 1024 are one vCPU."
  type        = number
  default     = 1024
}

variable "memory_mb" {
  description = "Memory of a worker, in MiB; Terraform with the AWS provider takes 600 to 800 of it."
  type        = number
  default     = 4096

  validation {
    condition     = var.memory_mb >= 2048
    error_message = "At least 2048: Airflow's task, the runner, Terraform and a provider are in it together."
  }
}

variable "storage_gib" {
  description = "Disk of a worker, in GiB; a provider takes up to one."
  type        = number
  default     = 30

  validation {
    condition     = var.storage_gib >= 21 && var.storage_gib <= 200
    error_message = "Between 21 and 200, as Fargate has it."
  }
}

variable "environment" {
  description = "Further environment variables of the workers, such as AIRFLOW__CORE__EXECUTION_API_SERVER_URL; nothing secret."
  type        = map(string)
  default     = {}
}

variable "subnet_ids" {
  description = "Subnets of the workers, for the executor's settings; private ones with a way to AWS's APIs."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the workers, for the executor's settings; they let out what the workers ask for, and nothing in."
  type        = list(string)
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}
