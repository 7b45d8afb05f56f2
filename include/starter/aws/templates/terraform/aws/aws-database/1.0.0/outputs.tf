output "host" {
  description = "Where the instance answers in the network."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Port of the instance."
  value       = aws_db_instance.this.port
}

output "database_name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "username" {
  description = "Who logs in."
  value       = aws_db_instance.this.username
}

output "password" {
  description = "Their password."
  value       = random_password.this.result
  sensitive   = true
}
