output "subnet_ids" {
  description = "Ids of the subnets, in the order of `zones`."
  value       = [for zone in var.zones : module.zone[zone].subnet_id]
}

output "cidr_blocks" {
  description = "Zone letter to IPv4 range."
  value       = { for zone, subnet in module.zone : zone => subnet.cidr_block }
}

output "route_table_id" {
  description = "Id of the private route table that all subnets use."
  value       = aws_route_table.private.id
}
