output "cluster_name" {
  description = "Name of the cluster, known once it has nodes."
  value       = google_container_cluster.this.name

  depends_on = [google_container_node_pool.this]
}

output "endpoint" {
  description = "Address of its API, in the network."
  value       = "https://${google_container_cluster.this.endpoint}"
}

output "ca_certificate" {
  description = "Who signs its API's certificate, PEM in base64; no secret, though the provider keeps it among some."
  value       = try(nonsensitive(google_container_cluster.this.master_auth[0].cluster_ca_certificate), "")
}
