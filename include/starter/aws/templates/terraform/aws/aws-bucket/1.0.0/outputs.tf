output "bucket_name" {
  description = "Name of the bucket, known once its settings are in force."
  value       = aws_s3_bucket.this.id

  depends_on = [aws_s3_bucket_policy.tls, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this]
}

output "url" {
  description = "Address of the bucket, s3://NAME."
  value       = "s3://${aws_s3_bucket.this.id}"
}
