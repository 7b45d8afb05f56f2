variable "name" {
  description = "Domain of the zone, for example staging.storefront.example."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?[.])+[a-z0-9-]{2,63}$", var.name))
    error_message = "A domain is lower-case labels of letters, digits and hyphens, separated by dots, without a dot at its end."
  }
}

variable "comment" {
  description = "What the zone is for."
  type        = string
  default     = "Managed by MCOP"
}

variable "vpc_ids" {
  description = "Ids of the networks inside of which the zone is known; none for a zone that the whole internet can ask."
  type        = list(string)
  default     = []
}

variable "retain_records" {
  description = "Whether a zone that holds records which it was not created with refuses to be destroyed."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the zone."
  type        = map(string)
  default     = {}
}
