output "user_name" {
  description = "Name of the user in IAM."
  value       = aws_iam_user.this.name
}

output "smtp_username" {
  description = "User name for the SMTP endpoint of SES."
  value       = aws_iam_access_key.this.id
}

output "smtp_password" {
  description = "Password for the SMTP endpoint of SES."
  value       = aws_iam_access_key.this.ses_smtp_password_v4
  sensitive   = true
}
