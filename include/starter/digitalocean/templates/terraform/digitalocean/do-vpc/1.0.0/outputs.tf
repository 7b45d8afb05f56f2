output "network_id" {
  description = "Id of the network."
  value       = digitalocean_vpc.this.id
}

output "subnet_ids" {
  description = "Id of the network, which is its one subnet."
  value       = [digitalocean_vpc.this.id]
}

output "placement" {
  description = "Region, for what is put beside the network."
  value       = digitalocean_vpc.this.region
}
