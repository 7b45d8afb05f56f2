variable "bucket" {
  description = "Name of the bucket that holds the file."
  type        = string
}

variable "key" {
  description = "Key of the file in the bucket."
  type        = string

  validation {
    condition     = endswith(var.key, ".properties") && !startswith(var.key, "/")
    error_message = "The key ends in .properties and does not begin with a slash."
  }
}

variable "service" {
  description = "Name of the service that reads the file."
  type        = string
}

variable "settings" {
  description = "Settings by name; a value is one line."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[a-z][a-z0-9_.-]*$", name))])
    error_message = "A name has lower-case letters, digits and characters of _.-, and begins with a letter."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("[\r\n]", value))])
    error_message = "A value is one line."
  }
}

variable "features" {
  description = "Whether each feature is on, by name."
  type        = map(bool)
  default     = {}
}

variable "tags" {
  description = "Tags of the file."
  type        = map(string)
  default     = {}
}
