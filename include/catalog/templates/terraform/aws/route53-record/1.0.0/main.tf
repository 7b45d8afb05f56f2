resource "aws_route53_record" "this" {
  zone_id = var.zone_id
  name    = var.name
  type    = var.type
  ttl     = var.alias == null ? var.ttl_s : null
  records = var.alias == null ? var.values : null

  # A record that somebody else made is not taken over without a word.
  allow_overwrite = false

  dynamic "alias" {
    for_each = var.alias[*]

    content {
      name                   = alias.value.name
      zone_id                = alias.value.zone_id
      evaluate_target_health = alias.value.evaluate_health
    }
  }

  lifecycle {
    precondition {
      condition     = (var.alias == null) != (length(var.values) == 0)
      error_message = "A record has either values or an alias."
    }

    precondition {
      condition     = var.alias == null || contains(["A", "AAAA"], var.type)
      error_message = "The alias of another name is a record of type A or AAAA."
    }
  }
}
