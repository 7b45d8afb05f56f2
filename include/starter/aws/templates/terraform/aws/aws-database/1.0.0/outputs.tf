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
  description = "None: RDS keeps it, see login_secret."
  value       = null
  sensitive   = true
}

output "login_secret" {
  description = "ARN of the secret in Secrets Manager that holds username and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
