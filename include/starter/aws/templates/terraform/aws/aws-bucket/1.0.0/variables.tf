variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, none at its ends; dots break TLS."
  }
}

variable "placement" {
  description = "Region that it is put into, the one of the adapter; as a network gives it."
  type        = string
}

variable "versioning" {
  description = "Whether earlier versions of objects are kept."
  type        = bool
  default     = true
}

variable "retain_objects" {
  description = "Whether a bucket that holds objects refuses to be destroyed."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
