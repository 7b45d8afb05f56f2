output "address" {
  description = "Host name of the instance."
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
  description = "Name of the user that owns everything."
  value       = aws_db_instance.this.username
}

output "secret_arn" {
  description = "ARN of the secret that holds user name and password; null if the password was given."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}

output "instance_arn" {
  description = "ARN of the instance."
  value       = aws_db_instance.this.arn
}
