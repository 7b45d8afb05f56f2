locals {
  sizes = {
    small  = "db-s-1vcpu-2gb"
    medium = "db-s-2vcpu-8gb"
    large  = "db-s-4vcpu-16gb"
  }
}

data "digitalocean_vpc" "this" {
  id = var.subnet_ids[0]
}

resource "digitalocean_database_cluster" "this" {
  name                 = var.name
  engine               = "pg"
  version              = "16"
  size                 = local.sizes[var.size]
  region               = var.placement
  node_count           = 1
  private_network_uuid = data.digitalocean_vpc.this.id
  storage_size_mib     = try(ceil(var.storage_gb / 10) * 10 * 1024, null)

  tags = [for key, value in var.tags : "${key}:${value}"]
}

resource "digitalocean_database_firewall" "this" {
  cluster_id = digitalocean_database_cluster.this.id

  rule {
    type  = "ip_addr"
    value = data.digitalocean_vpc.this.ip_range
  }
}

resource "digitalocean_database_db" "this" {
  cluster_id = digitalocean_database_cluster.this.id
  name       = var.database_name
}

check "deletion_protection" {
  assert {
    condition     = !var.deletion_protection
    error_message = "DigitalOcean has nothing that keeps ${var.name} from being deleted: guard it by an approval."
  }
}
