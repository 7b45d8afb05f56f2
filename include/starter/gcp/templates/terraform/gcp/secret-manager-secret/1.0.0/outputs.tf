output "secret_id" {
  description = "Name of the secret with its project, by which programs read the latest version; known once there is one."
  value       = google_secret_manager_secret.this.name

  depends_on = [google_secret_manager_secret_version.this]
}
