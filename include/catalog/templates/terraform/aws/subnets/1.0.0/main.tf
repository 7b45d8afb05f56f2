locals {
  # The range of a zone follows from its letter, not from its place in the list: adding a zone moves no other.
  letters = ["a", "b", "c", "d", "e", "f"]
}

resource "aws_route_table" "private" {
  vpc_id = var.vpc_id

  tags = merge({ Name = "${var.name}-private" }, var.tags)
}

module "zone" {
  source   = "./modules/zone"
  for_each = toset(var.zones)

  name              = "${var.name}-${each.key}"
  vpc_id            = var.vpc_id
  availability_zone = "${var.region}${each.key}"
  cidr_block        = cidrsubnet(var.cidr_block, var.newbits, index(local.letters, each.key))
  route_table_id    = aws_route_table.private.id
  tags              = var.tags
}
