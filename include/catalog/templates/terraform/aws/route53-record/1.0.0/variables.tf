variable "zone_id" {
  description = "Id of the zone."
  type        = string
}

variable "name" {
  description = "Full name of the record, for example www.staging.storefront.example."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9_*]([a-z0-9_-]{0,61}[a-z0-9_])?[.])+[a-z0-9-]{2,63}$", var.name))
    error_message = "A name is lower-case labels of letters, digits, hyphens and underscores, separated by dots, without a dot at its end."
  }
}

variable "type" {
  description = "Type of the record: A, AAAA, CAA, CNAME, MX, NS, SRV or TXT."
  type        = string
  default     = "A"

  validation {
    condition     = contains(["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"], var.type)
    error_message = "The type is A, AAAA, CAA, CNAME, MX, NS, SRV or TXT."
  }
}

variable "values" {
  description = "What the name stands for; none for an alias."
  type        = list(string)
  default     = []
}

variable "ttl_s" {
  description = "How long others may remember the values, in seconds."
  type        = number
  default     = 300

  validation {
    condition     = var.ttl_s >= 0 && var.ttl_s <= 2147483647
    error_message = "A whole number of seconds, 0 or more."
  }
}

variable "alias" {
  description = "What of AWS the name stands for, in place of values: DNS name and zone id of a load balancer, for example."
  type = object({
    name            = string
    zone_id         = string
    evaluate_health = optional(bool, true)
  })
  default = null
}
