output "queue_url" {
  description = "Where messages are sent to and received from, known once its policy is in force."
  value       = aws_sqs_queue.this.url

  depends_on = [aws_sqs_queue_policy.this]
}

output "queue_arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "dead_letter_queue_url" {
  description = "Where messages lie that could not be handled, for fourteen days."
  value       = aws_sqs_queue.dead_letter.url
}

output "dead_letter_queue_arn" {
  description = "ARN of the dead letter queue."
  value       = aws_sqs_queue.dead_letter.arn
}
