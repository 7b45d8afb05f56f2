output "secret_id" {
  description = "Address of the secret without its version, by which programs read the latest."
  value       = azurerm_key_vault_secret.this.versionless_id
}

output "key_vault_id" {
  description = "Id of the vault that holds it."
  value       = azurerm_key_vault_secret.this.key_vault_id
}
