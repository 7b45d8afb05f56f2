variable "name" {
  description = "Name tag of the instance, and name of its instance profile if it has a role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", var.name))
    error_message = "The name has 1 to 128 letters, digits and characters of +=,.@_-."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets that the instance may be in; subnet_index says which."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "At least one subnet."
  }
}

variable "subnet_index" {
  description = "Place of the instance's subnet in subnet_ids, from 0, taken round: 0, 1, 2 spread three instances. Another subnet replaces the instance."
  type        = number
  default     = 0

  validation {
    condition     = var.subnet_index >= 0 && floor(var.subnet_index) == var.subnet_index
    error_message = "A whole number, 0 or more."
  }
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches it; the network's closed default group if empty."
  type        = list(string)
  default     = []
}

variable "instance_type" {
  description = "Type of the instance, for example t3.micro or t4g.small."
  type        = string
  default     = "t3.micro"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[.][a-z0-9-]+$", var.instance_type))
    error_message = "A type is a family and a size, for example t3.micro."
  }
}

variable "ami_id" {
  description = "Id of the image, of the type's architecture; null for the Amazon Linux 2023 that is newest when the instance is made."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-z]+$", var.ami_id))
    error_message = "An image's id begins with ami-."
  }
}

variable "role_name" {
  description = "Name of the role that programs on the instance act as; null for none."
  type        = string
  default     = null
}

variable "user_data" {
  description = "What the instance runs at its first start; another text replaces the instance. Not for secrets: who may describe the instance reads it."
  type        = string
  default     = null
}

variable "root_volume_gb" {
  description = "Size of the root volume, in GiB."
  type        = number
  default     = 16

  validation {
    condition     = var.root_volume_gb >= 1 && var.root_volume_gb <= 16384
    error_message = "Between 1 and 16384 GiB."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the root volume; null for the account's aws/ebs."
  type        = string
  default     = null
}

variable "public_address" {
  description = "Whether the instance gets a public address; another value replaces it."
  type        = bool
  default     = false
}

variable "termination_protection" {
  description = "Whether EC2 refuses to terminate the instance."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource; Name is set by the module."
  type        = map(string)
  default     = {}
}
