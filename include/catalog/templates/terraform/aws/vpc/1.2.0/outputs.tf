output "vpc_id" {
  description = "Id of the network."
  value       = aws_vpc.this.id
}

output "vpc_arn" {
  description = "ARN of the network."
  value       = aws_vpc.this.arn
}

output "cidr_block" {
  description = "IPv4 range of the network."
  value       = aws_vpc.this.cidr_block
}
