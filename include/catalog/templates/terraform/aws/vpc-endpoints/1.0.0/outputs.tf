output "gateway_ids" {
  description = "Service -> id of its gateway."
  value       = { for service, endpoint in aws_vpc_endpoint.gateway : service => endpoint.id }
}

output "interface_ids" {
  description = "Service -> id of its interface."
  value       = { for service, endpoint in aws_vpc_endpoint.interface : service => endpoint.id }
}
