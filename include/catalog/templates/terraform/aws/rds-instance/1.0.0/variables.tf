variable "name" {
  description = "Name of the instance, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){0,54}$", var.name))
    error_message = "The name has up to 55 lower-case letters, digits and single hyphens, and begins with a letter."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets that it may be in, in two availability zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "At least two subnets, in different availability zones."
  }
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches it; the network's closed default group if empty."
  type        = list(string)
  default     = []
}

variable "instance_class" {
  description = "Class of the instance, for example db.t4g.micro."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "A class begins with db., for example db.t4g.micro."
  }
}

variable "engine_version" {
  description = "Version of PostgreSQL, for example 16 or 16.4; the major version alone lets AWS choose the rest."
  type        = string
  default     = "16"

  validation {
    condition     = can(regex("^1[3-9]([.][0-9]+)?$", var.engine_version))
    error_message = "A version from 13 on, for example 16 or 16.4."
  }
}

variable "database_name" {
  description = "Name of the database that is there at the beginning."
  type        = string
  default     = "app"

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]{0,62}$", var.database_name))
    error_message = "The name has up to 63 letters, digits and underscores, and does not begin with a digit."
  }
}

variable "username" {
  description = "Name of the user that owns everything."
  type        = string
  default     = "app_owner"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_]{0,62}$", var.username)) && !contains(["admin", "postgres", "rdsadmin"], var.username)
    error_message = "The name has up to 63 letters, digits and underscores, begins with a letter, and is none of admin, postgres and rdsadmin."
  }
}

variable "password" {
  description = "Password of that user; null for one that RDS makes, changes every week, and keeps in Secrets Manager."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.password == null || try(length(var.password) >= 12 && length(var.password) <= 128 && !can(regex("[/@\" ]", var.password)), false)
    error_message = "A password has 12 to 128 characters, none of them a slash, an at sign, a double quote or a space."
  }
}

variable "storage_gb" {
  description = "Size of the storage at the beginning, in GiB."
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 65536
    error_message = "Between 20 and 65536 GiB."
  }
}

variable "max_storage_gb" {
  description = "Up to which size the storage grows by itself, in GiB."
  type        = number
  default     = 100
}

variable "multi_az" {
  description = "Whether a second instance in another zone stands by."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "How far back it can be restored to any second, in days."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "Between 1 and 35 days."
  }
}

variable "log_exports" {
  description = "Logs that go to CloudWatch: postgresql and upgrade."
  type        = list(string)
  default     = ["postgresql", "upgrade"]

  validation {
    condition     = alltrue([for log in var.log_exports : contains(["postgresql", "upgrade"], log)])
    error_message = "PostgreSQL has the logs postgresql and upgrade."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts storage and password; null for the account's own keys. Another key replaces the instance."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instance."
  type        = bool
  default     = true
}

variable "retain_snapshot" {
  description = "Whether destroying it leaves a last snapshot and the backups."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource and of the snapshots."
  type        = map(string)
  default     = {}
}
