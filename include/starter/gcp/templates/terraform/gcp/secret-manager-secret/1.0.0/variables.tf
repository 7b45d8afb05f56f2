variable "name" {
  description = "Name of the secret, unique in the project."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "The name has 1 to 255 letters, digits, _ and -."
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

variable "value" {
  description = "What is kept secret."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.value) >= 1 && length(var.value) <= 65536
    error_message = "The value has 1 to 65536 characters."
  }
}

variable "tags" {
  description = "Labels of the secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Google Cloud's labels have lower-case letters, digits, _ and -, and their names begin with a letter."
  }
}
