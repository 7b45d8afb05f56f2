output "instance_id" {
  description = "Id of the instance."
  value       = aws_instance.this.id
}

output "instance_arn" {
  description = "ARN of the instance."
  value       = aws_instance.this.arn
}

output "private_ip" {
  description = "Address of the instance inside the network."
  value       = aws_instance.this.private_ip
}

output "public_ip" {
  description = "Public address of the instance; empty without."
  value       = aws_instance.this.public_ip
}
