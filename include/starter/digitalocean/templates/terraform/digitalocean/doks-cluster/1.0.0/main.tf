locals {
  sizes = {
    small  = "s-2vcpu-4gb"
    medium = "s-4vcpu-8gb"
    large  = "s-8vcpu-16gb"
  }
  tags = [for key, value in var.tags : "${key}:${value}"]
}

data "digitalocean_vpc" "this" {
  id = var.subnet_ids[0]
}

data "digitalocean_kubernetes_versions" "this" {}

resource "digitalocean_kubernetes_cluster" "this" {
  name          = var.name
  region        = var.placement
  version       = data.digitalocean_kubernetes_versions.this.latest_version
  vpc_uuid      = data.digitalocean_vpc.this.id
  ha            = var.highly_available
  auto_upgrade  = true
  surge_upgrade = true

  maintenance_policy {
    day        = "sunday"
    start_time = "04:00"
  }

  control_plane_firewall {
    enabled           = true
    allowed_addresses = concat([data.digitalocean_vpc.this.ip_range], var.allowed_addresses)
  }

  node_pool {
    name       = "default"
    size       = local.sizes[var.size]
    node_count = var.node_count
    tags       = local.tags
  }

  tags = local.tags

  lifecycle {
    ignore_changes = [version] # It upgrades by itself.
  }
}
