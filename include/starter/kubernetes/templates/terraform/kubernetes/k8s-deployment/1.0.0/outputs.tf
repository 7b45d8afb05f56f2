output "deployment_name" {
  description = "Name of the deployment."
  value       = kubernetes_deployment_v1.this.metadata[0].name
}

output "selector" {
  description = "Labels by which its pods are found."
  value       = local.selector
}

output "port" {
  description = "Port on which its pods listen."
  value       = var.port
}
