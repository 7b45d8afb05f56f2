output "cluster_name" {
  description = "Name of the cluster, known once it has nodes."
  value       = aws_eks_cluster.this.name

  depends_on = [aws_eks_node_group.this]
}

output "endpoint" {
  description = "Address of its API, in the network."
  value       = aws_eks_cluster.this.endpoint
}

output "ca_certificate" {
  description = "Who signs its API's certificate, PEM in base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}
