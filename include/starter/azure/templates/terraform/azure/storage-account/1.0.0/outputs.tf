output "bucket_name" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.this.name
}

output "url" {
  description = "Address of the container in it."
  value       = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.objects.name}"
}

output "account_id" {
  description = "Id of the storage account, for roles."
  value       = azurerm_storage_account.this.id
}
