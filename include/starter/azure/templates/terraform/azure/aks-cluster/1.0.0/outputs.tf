output "cluster_name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "endpoint" {
  description = "Address of its API, in the network."
  value       = "https://${azurerm_kubernetes_cluster.this.private_fqdn}"
}

output "ca_certificate" {
  description = "Who signs its API's certificate, PEM in base64; no secret, though the provider keeps it among some."
  value       = try(nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate), "")
}

output "oidc_issuer_url" {
  description = "Who signs the tokens of its pods."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}
