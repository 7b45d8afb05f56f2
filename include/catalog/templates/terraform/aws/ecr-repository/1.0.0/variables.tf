variable "name" {
  description = "Name of the repository, for example storefront/production."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", var.name)) && length(var.name) >= 2 && length(var.name) <= 256
    error_message = "The name has 2 to 256 lower-case letters and digits, separated by single characters of ._/-."
  }
}

variable "immutable_tags" {
  description = "Whether a tag, once pushed, keeps its image."
  type        = bool
  default     = true
}

variable "keep_images" {
  description = "How many images are kept; older ones expire."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_images >= 1 && var.keep_images <= 10000
    error_message = "Between 1 and 10000."
  }
}

variable "retain_images" {
  description = "Whether a repository that holds images refuses to be destroyed."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the repository."
  type        = map(string)
  default     = {}
}
