variable "name" {
  description = "Name of the queue, unique in the account and region; a FIFO queue gets .fifo appended."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,70}$", var.name))
    error_message = "The name has 1 to 70 letters, digits, hyphens and underscores; .fifo and -dead are appended by the module."
  }
}

variable "fifo" {
  description = "Whether messages keep their order and equal ones are dropped; another value replaces the queue."
  type        = bool
  default     = false
}

variable "visibility_timeout_s" {
  description = "How long a message that was received is hidden from others, in seconds; longer than handling it takes."
  type        = number
  default     = 60

  validation {
    condition     = var.visibility_timeout_s >= 0 && var.visibility_timeout_s <= 43200
    error_message = "Between 0 and 43200 seconds (twelve hours)."
  }
}

variable "retention_s" {
  description = "How long a message that nobody takes is kept, in seconds."
  type        = number
  default     = 345600

  validation {
    condition     = var.retention_s >= 60 && var.retention_s <= 1209600
    error_message = "Between 60 and 1209600 seconds (fourteen days)."
  }
}

variable "max_receives" {
  description = "How often a message is received before it is put aside into the dead letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000
    error_message = "Between 1 and 1000."
  }
}

variable "topic_arns" {
  description = "ARNs of the SNS topics that the queue is subscribed to; the message alone is delivered, without an envelope."
  type        = list(string)
  default     = []
}

variable "kms_key_id" {
  description = "Id, alias or ARN of the key that encrypts messages at rest; null for a key of SQS's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of both queues."
  type        = map(string)
  default     = {}
}
