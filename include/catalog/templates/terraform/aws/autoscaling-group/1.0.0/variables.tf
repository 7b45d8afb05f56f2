variable "name" {
  description = "Name of the group and of its launch template, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{3,125}$", var.name))
    error_message = "The name has 3 to 125 letters, digits and characters of ._-."
  }
}

variable "subnet_ids" {
  description = "Ids of the subnets that instances are spread over."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "At least one subnet."
  }
}

variable "security_group_ids" {
  description = "Ids of the security groups that say who reaches the instances; the network's closed default group if empty."
  type        = list(string)
  default     = []
}

variable "instance_type" {
  description = "Type of the instances, for example t3.micro or t4g.small."
  type        = string
  default     = "t3.micro"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[.][a-z0-9-]+$", var.instance_type))
    error_message = "A type is a family and a size, for example t3.micro."
  }
}

variable "ami_id" {
  description = "Id of the image, of the type's architecture; null for the Amazon Linux 2023 that is newest when an instance is launched."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-z]+$", var.ami_id))
    error_message = "An image's id begins with ami-."
  }
}

variable "min_size" {
  description = "How many instances there are at least."
  type        = number
  default     = 1

  validation {
    condition     = var.min_size >= 0 && floor(var.min_size) == var.min_size
    error_message = "A whole number, 0 or more."
  }
}

variable "max_size" {
  description = "How many instances there are at most."
  type        = number
  default     = 3

  validation {
    condition     = var.max_size >= 1 && floor(var.max_size) == var.max_size
    error_message = "A whole number, 1 or more."
  }
}

variable "cpu_target_percent" {
  description = "Average load of the processors that the group is kept near, in percent, between min_size and max_size."
  type        = number
  default     = 60

  validation {
    condition     = var.cpu_target_percent >= 10 && var.cpu_target_percent <= 95
    error_message = "Between 10 and 95 percent."
  }
}

variable "target_group_arns" {
  description = "ARNs of the load balancer's target groups that the instances join; their health then counts."
  type        = list(string)
  default     = []
}

variable "grace_period_s" {
  description = "How long a new instance may take until its health counts, in seconds."
  type        = number
  default     = 300
}

variable "role_name" {
  description = "Name of the role that programs on the instances act as; null for none."
  type        = string
  default     = null
}

variable "user_data" {
  description = "What an instance runs at its first start; another text replaces the instances one after the other. Not for secrets."
  type        = string
  default     = null
}

variable "root_device" {
  description = "Name of the root volume in the image; /dev/xvda is that of Amazon Linux, /dev/sda1 that of Ubuntu."
  type        = string
  default     = "/dev/xvda"
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
  description = "ARN of the key that encrypts the volumes; null for the account's aws/ebs."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource, instances and volumes included; Name is set by the module."
  type        = map(string)
  default     = {}
}
