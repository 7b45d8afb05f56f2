output "subnet_id" {
  description = "Id of the subnet."
  value       = aws_subnet.this.id
}

output "cidr_block" {
  description = "IPv4 range of the subnet."
  value       = aws_subnet.this.cidr_block
}
