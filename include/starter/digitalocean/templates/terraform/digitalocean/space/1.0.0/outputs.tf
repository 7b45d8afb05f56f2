output "bucket_name" {
  description = "Name of the bucket."
  value       = digitalocean_spaces_bucket.this.name
}

output "url" {
  description = "Address of the bucket."
  value       = "https://${digitalocean_spaces_bucket.this.bucket_domain_name}"
}
