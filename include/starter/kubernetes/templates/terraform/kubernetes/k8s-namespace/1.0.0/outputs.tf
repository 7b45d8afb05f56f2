output "namespace" {
  description = "Name of the namespace, known once it is closed."
  value       = kubernetes_namespace_v1.this.metadata[0].name

  depends_on = [kubernetes_network_policy_v1.closed]
}
