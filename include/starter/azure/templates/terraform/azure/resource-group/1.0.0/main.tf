resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.region

  tags = var.tags
}

resource "azurerm_management_lock" "this" {
  count = var.locked ? 1 : 0

  name       = "${var.name}-is-kept"
  scope      = azurerm_resource_group.this.id
  lock_level = "CanNotDelete"
  notes      = "Set locked to false before you delete it."
}
