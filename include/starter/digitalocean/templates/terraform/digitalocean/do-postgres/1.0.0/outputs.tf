output "host" {
  description = "Where the cluster answers in the network, known once the firewall guards it."
  value       = digitalocean_database_cluster.this.private_host

  depends_on = [digitalocean_database_firewall.this]
}

output "port" {
  description = "Port of the cluster."
  value       = digitalocean_database_cluster.this.port
}

output "database_name" {
  description = "Name of the database."
  value       = digitalocean_database_db.this.name
}

output "username" {
  description = "Who logs in."
  value       = digitalocean_database_cluster.this.user
}

output "password" {
  description = "Their password."
  value       = digitalocean_database_cluster.this.password
  sensitive   = true
}

output "login_secret" {
  description = "None: DigitalOcean does not keep the password by itself, see password."
  value       = null
}
