output "host" {
  description = "Address of the instance in the network."
  value       = google_sql_database_instance.this.private_ip_address
}

output "port" {
  description = "Port of the instance."
  value       = 5432
}

output "database_name" {
  description = "Name of the database."
  value       = google_sql_database.this.name
}

output "username" {
  description = "Who logs in."
  value       = google_sql_user.this.name
}

output "password" {
  description = "Their password."
  value       = random_password.this.result
  sensitive   = true
}

output "login_secret" {
  description = "None: Google Cloud does not keep the password by itself, see password."
  value       = null
}
