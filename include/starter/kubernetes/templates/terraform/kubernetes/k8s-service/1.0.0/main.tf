resource "kubernetes_service_v1" "this" {
  metadata {
    name      = var.name
    namespace = var.namespace
    labels    = var.tags
  }

  spec {
    type     = "ClusterIP"
    selector = var.selector

    port {
      port        = var.port
      target_port = var.target_port
    }
  }
}

resource "kubernetes_network_policy_v1" "callers" {
  metadata {
    name      = "${var.name}-callers"
    namespace = var.namespace
    labels    = var.tags
  }

  spec {
    policy_types = ["Ingress"]

    pod_selector {
      match_labels = var.selector
    }

    ingress {
      ports {
        port = var.target_port
      }

      from {
        namespace_selector {
          match_expressions {
            key      = "kubernetes.io/metadata.name"
            operator = "In"
            values   = setunion([var.namespace], var.callers)
          }
        }
      }
    }
  }
}
