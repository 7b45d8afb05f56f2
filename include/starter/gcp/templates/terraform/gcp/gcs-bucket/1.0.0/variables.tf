variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name)) && !startswith(var.name, "goog")
    error_message = "The name has 3 to 63 lower-case letters, digits and hyphens, none at its ends, and does not begin with goog."
  }
}

variable "placement" {
  description = "Region that it is put into, for example europe-west1; as a network gives it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.placement))
    error_message = "The placement is a region of Google Cloud, for example europe-west1."
  }
}

variable "versioning" {
  description = "Whether earlier versions of objects are kept."
  type        = bool
  default     = true
}

variable "keep_versions" {
  description = "How many earlier versions of an object are kept."
  type        = number
  default     = 10

  validation {
    condition     = var.keep_versions >= 1 && floor(var.keep_versions) == var.keep_versions
    error_message = "At least one earlier version is kept."
  }
}

variable "retain_objects" {
  description = "Whether a bucket that holds objects refuses to be destroyed."
  type        = bool
  default     = true
}

variable "kms_key_id" {
  description = "Id of the key that encrypts the objects; null for Google's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
