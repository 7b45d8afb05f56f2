resource "digitalocean_spaces_bucket" "this" {
  name          = var.name
  region        = var.placement
  acl           = "private"
  force_destroy = !var.retain_objects

  versioning {
    enabled = var.versioning
  }
}

check "tags" {
  assert {
    condition     = length(var.tags) == 0
    error_message = "DigitalOcean's Spaces have no tags: those of ${var.name} are left out."
  }
}
