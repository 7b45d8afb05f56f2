output "load_balancer_arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "dns_name" {
  description = "Name under which it is reached; an alias of yours points here."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "Id of the zone that dns_name is in, for an alias."
  value       = aws_lb.this.zone_id
}

output "target_group_arn" {
  description = "ARN of the target group, known once the load balancer forwards to it."
  value       = aws_lb_target_group.this.arn

  depends_on = [aws_lb_listener.http, aws_lb_listener.https]
}
