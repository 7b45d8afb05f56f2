resource "digitalocean_vpc" "this" {
  name        = var.name
  region      = var.region
  ip_range    = var.cidr_block
  description = join(", ", [for key, value in var.tags : "${key}=${value}"])
}
