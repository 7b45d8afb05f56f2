output "service_name" {
  description = "Name of the service."
  value       = kubernetes_service_v1.this.metadata[0].name
}

output "address" {
  description = "Where it answers in the cluster."
  value       = "${var.name}.${var.namespace}.svc.cluster.local:${var.port}"

  depends_on = [kubernetes_service_v1.this, kubernetes_network_policy_v1.callers]
}
