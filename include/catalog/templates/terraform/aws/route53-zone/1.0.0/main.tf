resource "aws_route53_zone" "this" {
  name          = var.name
  comment       = var.comment
  force_destroy = !var.retain_records

  dynamic "vpc" {
    for_each = var.vpc_ids

    content {
      vpc_id = vpc.value
    }
  }

  tags = var.tags
}
