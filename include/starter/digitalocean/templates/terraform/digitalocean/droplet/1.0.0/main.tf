locals {
  sizes = {
    small  = "s-1vcpu-2gb"
    medium = "g-2vcpu-8gb"
    large  = "g-4vcpu-16gb"
  }
}

data "digitalocean_vpc" "this" {
  id = var.subnet_ids[0]
}

resource "digitalocean_ssh_key" "this" {
  name       = var.name
  public_key = var.ssh_public_key
}

resource "digitalocean_droplet" "this" {
  name       = var.name
  region     = var.placement
  size       = local.sizes[var.size]
  image      = "ubuntu-24-04-x64"
  vpc_uuid   = data.digitalocean_vpc.this.id
  ssh_keys   = [digitalocean_ssh_key.this.fingerprint]
  user_data  = var.startup_script == "" ? null : var.startup_script
  monitoring = true
  backups    = var.backups

  tags = [for key, value in var.tags : "${key}:${value}"]
}

resource "digitalocean_firewall" "this" {
  name        = var.name
  droplet_ids = [digitalocean_droplet.this.id]

  dynamic "inbound_rule" {
    for_each = ["tcp", "udp"]

    content {
      protocol         = inbound_rule.value
      port_range       = "1-65535"
      source_addresses = [data.digitalocean_vpc.this.ip_range]
    }
  }

  inbound_rule {
    protocol         = "icmp"
    source_addresses = [data.digitalocean_vpc.this.ip_range]
  }

  dynamic "outbound_rule" {
    for_each = ["tcp", "udp"]

    content {
      protocol              = outbound_rule.value
      port_range            = "1-65535"
      destination_addresses = ["0.0.0.0/0", "::/0"]
    }
  }
}
