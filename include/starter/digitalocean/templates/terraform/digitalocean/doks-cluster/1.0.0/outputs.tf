output "cluster_name" {
  description = "Name of the cluster."
  value       = digitalocean_kubernetes_cluster.this.name
}

output "endpoint" {
  description = "Address of its API."
  value       = digitalocean_kubernetes_cluster.this.endpoint
}

output "ca_certificate" {
  description = "Who signs its API's certificate, PEM in base64; no secret, though the provider keeps it among some."
  value       = try(nonsensitive(digitalocean_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate), "")
}
