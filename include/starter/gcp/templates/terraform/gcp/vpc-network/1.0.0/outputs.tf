output "network_id" {
  description = "Id of the network."
  value       = google_compute_network.this.id
}

output "subnet_ids" {
  description = "Self links of its subnets, known once managed services can join them."
  value       = [google_compute_subnetwork.this.self_link]

  depends_on = [google_service_networking_connection.services]
}

output "placement" {
  description = "Region, for what is put beside the network."
  value       = google_compute_subnetwork.this.region
}
