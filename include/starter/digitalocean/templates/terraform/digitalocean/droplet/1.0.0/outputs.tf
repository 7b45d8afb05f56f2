output "instance_id" {
  description = "Id of the machine, known once the firewall guards it."
  value       = digitalocean_droplet.this.id

  depends_on = [digitalocean_firewall.this]
}

output "private_address" {
  description = "Its address in the network."
  value       = digitalocean_droplet.this.ipv4_address_private
}
