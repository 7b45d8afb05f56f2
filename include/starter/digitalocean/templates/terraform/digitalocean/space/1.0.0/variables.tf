variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, none at its ends."
  }
}

variable "placement" {
  description = "Region that it is put into, for example fra1; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.placement))
    error_message = "It is the slug of a region, for example fra1."
  }
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
  description = "Left out, with a warning: Spaces have none."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[A-Za-z0-9_-]+$", key)) && can(regex("^[A-Za-z0-9_-]*$", value))])
    error_message = "DigitalOcean's tags have letters, digits, _ and -; each is written as name:value."
  }
}
