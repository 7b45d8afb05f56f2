output "policy_name" {
  description = "Name of the policy."
  value       = aws_iam_role_policy.this.name
}

output "policy_document" {
  description = "The policy as JSON."
  value       = aws_iam_role_policy.this.policy
}
