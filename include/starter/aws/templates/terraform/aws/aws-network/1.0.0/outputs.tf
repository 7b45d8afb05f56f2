output "network_id" {
  description = "Id of the network."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Ids of its subnets, one in each zone."
  value       = aws_subnet.this[*].id
}

output "placement" {
  description = "Region, for what is put beside the network."
  value       = data.aws_region.current.name
}
