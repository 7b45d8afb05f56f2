output "network_id" {
  description = "Id of the network."
  value       = azurerm_virtual_network.this.id
}

output "subnet_ids" {
  description = "Ids of its subnets, known once the security group guards them."
  value       = [azurerm_subnet.this.id]

  depends_on = [azurerm_subnet_network_security_group_association.this]
}

output "placement" {
  description = "Name of the resource group, for what is put beside the network."
  value       = local.resource_group_name
}
