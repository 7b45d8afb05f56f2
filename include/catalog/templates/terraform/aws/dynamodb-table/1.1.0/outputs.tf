output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the table; those of its indexes begin with it, followed by /index/."
  value       = aws_dynamodb_table.this.arn
}
