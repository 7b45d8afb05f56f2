variable "name" {
  description = "Name of the table, unique in the account and region."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "The name has 3 to 255 letters, digits and characters of _.-."
  }
}

variable "hash_key" {
  description = "Partition key: attribute name, and type S (text), N (number) or B (bytes)."
  type = object({
    name = string
    type = optional(string, "S")
  })

  validation {
    condition     = contains(["S", "N", "B"], var.hash_key.type)
    error_message = "The type is S, N or B."
  }
}

variable "range_key" {
  description = "Sort key, in the form of hash_key; null for a table without."
  type = object({
    name = string
    type = optional(string, "S")
  })
  default = null

  validation {
    condition     = try(contains(["S", "N", "B"], var.range_key.type), var.range_key == null)
    error_message = "The type is S, N or B."
  }
}

variable "indexes" {
  description = "Global secondary indexes by name; projection is ALL or KEYS_ONLY."
  type = map(object({
    hash_key   = object({ name = string, type = optional(string, "S") })
    range_key  = optional(object({ name = string, type = optional(string, "S") }))
    projection = optional(string, "ALL")
  }))
  default = {}

  validation {
    condition     = alltrue([for index in values(var.indexes) : contains(["ALL", "KEYS_ONLY"], index.projection)])
    error_message = "The projection is ALL or KEYS_ONLY."
  }
}

variable "billing_mode" {
  description = "PAY_PER_REQUEST, or PROVISIONED with the capacity below."
  type        = string
  default     = "PAY_PER_REQUEST"

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.billing_mode)
    error_message = "The billing mode is PAY_PER_REQUEST or PROVISIONED."
  }
}

variable "capacity" {
  description = "Read and write capacity units of the table and of each index; used by PROVISIONED alone."
  type = object({
    read  = optional(number, 5)
    write = optional(number, 5)
  })
  default = {}
}

variable "point_in_time_recovery" {
  description = "Whether the table can be restored to any second of the last 35 days."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
}
