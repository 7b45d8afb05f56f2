resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = var.name

    labels = merge(var.tags, {
      "pod-security.kubernetes.io/enforce" = var.pod_security
      "pod-security.kubernetes.io/warn"    = "restricted"
    })
  }
}

# Without rules of its own it lets nothing in; policies beside it let in what they say.
resource "kubernetes_network_policy_v1" "closed" {
  metadata {
    name      = "closed"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    pod_selector {}
    policy_types = ["Ingress"]
  }
}

resource "kubernetes_resource_quota_v1" "this" {
  count = length(var.limits) > 0 ? 1 : 0

  metadata {
    name      = "limits"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    hard = var.limits
  }
}
