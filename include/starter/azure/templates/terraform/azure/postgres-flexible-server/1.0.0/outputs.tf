output "host" {
  description = "Where the server answers in the network, known once it does."
  value       = azurerm_postgresql_flexible_server.this.fqdn

  depends_on = [azurerm_private_endpoint.this, azurerm_private_dns_zone_virtual_network_link.this]
}

output "port" {
  description = "Port of the server."
  value       = 5432
}

output "database_name" {
  description = "Name of the database."
  value       = azurerm_postgresql_flexible_server_database.this.name
}

output "username" {
  description = "Who logs in."
  value       = azurerm_postgresql_flexible_server.this.administrator_login
}

output "password" {
  description = "Their password."
  value       = random_password.this.result
  sensitive   = true
}

output "login_secret" {
  description = "None: Azure does not keep the password by itself, see password."
  value       = null
}
