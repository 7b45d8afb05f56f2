locals {
  resource_group_name = var.resource_group_name == null ? azurerm_resource_group.this[0].name : var.resource_group_name
}

resource "azurerm_resource_group" "this" {
  count = var.resource_group_name == null ? 1 : 0

  name     = var.name
  location = var.region

  tags = var.tags
}

resource "azurerm_virtual_network" "this" {
  name                = var.name
  location            = var.region
  resource_group_name = local.resource_group_name
  address_space       = [var.cidr_block]

  tags = var.tags
}

resource "azurerm_subnet" "this" {
  name                            = "default"
  resource_group_name             = local.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [cidrsubnet(var.cidr_block, 1, 0)]
  service_endpoints               = var.service_endpoints
  default_outbound_access_enabled = false
}

# Without rules of its own: Azure's default rules allow what comes from the network and deny what comes from outside.
resource "azurerm_network_security_group" "this" {
  name                = "${var.name}-closed"
  location            = var.region
  resource_group_name = local.resource_group_name

  tags = var.tags
}

resource "azurerm_subnet_network_security_group_association" "this" {
  subnet_id                 = azurerm_subnet.this.id
  network_security_group_id = azurerm_network_security_group.this.id
}
