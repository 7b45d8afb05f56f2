output "group_name" {
  description = "Name of the group."
  value       = aws_autoscaling_group.this.name
}

output "group_arn" {
  description = "ARN of the group."
  value       = aws_autoscaling_group.this.arn
}

output "launch_template_id" {
  description = "Id of the template that instances are launched from."
  value       = aws_launch_template.this.id
}
