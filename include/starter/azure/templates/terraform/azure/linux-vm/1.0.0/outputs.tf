output "instance_id" {
  description = "Id of the machine."
  value       = azurerm_linux_virtual_machine.this.id
}

output "private_address" {
  description = "Its address in the network."
  value       = azurerm_linux_virtual_machine.this.private_ip_address
}

output "principal_id" {
  description = "Who the machine is in Entra ID, for roles."
  value       = azurerm_linux_virtual_machine.this.identity[0].principal_id
}
