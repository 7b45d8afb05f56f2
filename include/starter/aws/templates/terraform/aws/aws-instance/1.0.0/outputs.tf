output "instance_id" {
  description = "Id of the machine."
  value       = aws_instance.this.id
}

output "private_address" {
  description = "Its address in the network."
  value       = aws_instance.this.private_ip
}
