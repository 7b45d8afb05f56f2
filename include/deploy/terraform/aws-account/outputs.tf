output "role_arn" {
  description = "The role_arn of the adapter's assume_role for this account."
  value       = aws_iam_role.this.arn
}
