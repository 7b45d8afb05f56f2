data "azurerm_client_config" "current" {}

data "azurerm_resource_group" "this" {
  name = var.placement
}

locals {
  own_vault = var.key_vault_id == null ? 1 : 0
  is_closed = length(var.allowed_ip_ranges) + length(var.allowed_subnet_ids) > 0
}

resource "azurerm_key_vault" "this" {
  count = local.own_vault

  name                = var.name
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  tenant_id           = data.azurerm_client_config.current.tenant_id
  sku_name            = "standard"

  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 90

  network_acls {
    default_action             = local.is_closed ? "Deny" : "Allow"
    bypass                     = "AzureServices"
    ip_rules                   = var.allowed_ip_ranges
    virtual_network_subnet_ids = var.allowed_subnet_ids
  }

  tags = var.tags
}

resource "azurerm_role_assignment" "writer" {
  count = local.own_vault

  scope                = azurerm_key_vault.this[0].id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = data.azurerm_client_config.current.object_id
}

resource "azurerm_key_vault_secret" "this" {
  name         = var.name
  key_vault_id = var.key_vault_id == null ? azurerm_key_vault.this[0].id : var.key_vault_id
  value        = var.value
  content_type = "text/plain"

  tags = var.tags

  depends_on = [azurerm_role_assignment.writer]
}
