output "uri" {
  description = "Address of the file, s3://bucket/key."
  value       = "s3://${aws_s3_object.this.bucket}/${aws_s3_object.this.key}"
}

output "version_id" {
  description = "Version of the file in a bucket that keeps versions."
  value       = aws_s3_object.this.version_id
}

output "md5" {
  description = "MD5 of the file's content, in hex."
  value       = md5(local.content)
}
