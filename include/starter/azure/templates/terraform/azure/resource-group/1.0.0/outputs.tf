output "resource_group_name" {
  description = "Name of the group, which other modules take as their placement."
  value       = azurerm_resource_group.this.name
}

output "resource_group_id" {
  description = "Id of the group."
  value       = azurerm_resource_group.this.id
}

output "region" {
  description = "Region of the group."
  value       = azurerm_resource_group.this.location
}
