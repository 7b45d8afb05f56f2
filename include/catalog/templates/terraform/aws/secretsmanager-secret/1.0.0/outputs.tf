output "secret_arn" {
  description = "ARN of the secret, known once it has its value; readers ask Secrets Manager for it."
  value       = aws_secretsmanager_secret.this.arn

  depends_on = [aws_secretsmanager_secret_policy.this, aws_secretsmanager_secret_version.this]
}

output "secret_name" {
  description = "Name of the secret."
  value       = aws_secretsmanager_secret.this.name
}
