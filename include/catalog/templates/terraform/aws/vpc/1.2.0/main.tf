resource "aws_vpc" "this" {
  cidr_block           = var.cidr_block
  enable_dns_support   = true
  enable_dns_hostnames = var.enable_dns_hostnames

  tags = merge({ Name = var.name }, var.tags)
}

# Managed without rules, so that nothing can be reached through the group that AWS attaches by default.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = merge({ Name = "${var.name}-default-closed" }, var.tags)
}
