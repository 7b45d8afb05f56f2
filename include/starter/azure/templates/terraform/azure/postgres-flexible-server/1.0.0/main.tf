data "azurerm_resource_group" "this" {
  name = var.placement
}

locals {
  sku_names = {
    small  = "B_Standard_B1ms"
    medium = "GP_Standard_D2ds_v5"
    large  = "GP_Standard_D4ds_v5"
  }
  own_zone = var.private_dns_zone_id == null ? 1 : 0
}

resource "random_password" "this" {
  length  = 32
  special = false
}

resource "azurerm_postgresql_flexible_server" "this" {
  name                = var.name
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  version             = "16"
  sku_name            = local.sku_names[var.size]
  storage_mb          = var.storage_gb * 1024

  administrator_login           = "application"
  administrator_password        = random_password.this.result
  public_network_access_enabled = false
  backup_retention_days         = 14

  tags = var.tags

  lifecycle {
    ignore_changes = [zone] # Azure chooses one, and another after a failure.
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "least_tls" {
  name      = "ssl_min_protocol_version"
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = "TLSv1.2"
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  name      = var.database_name
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

resource "azurerm_private_dns_zone" "this" {
  count = local.own_zone

  name                = "privatelink.postgres.database.azure.com"
  resource_group_name = data.azurerm_resource_group.this.name

  tags = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  count = local.own_zone

  name                  = var.name
  resource_group_name   = data.azurerm_resource_group.this.name
  private_dns_zone_name = azurerm_private_dns_zone.this[0].name
  virtual_network_id    = split("/subnets/", var.subnet_ids[0])[0]

  tags = var.tags
}

resource "azurerm_private_endpoint" "this" {
  name                = var.name
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  subnet_id           = var.subnet_ids[0]

  private_service_connection {
    name                           = var.name
    private_connection_resource_id = azurerm_postgresql_flexible_server.this.id
    subresource_names              = ["postgresqlServer"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [var.private_dns_zone_id == null ? azurerm_private_dns_zone.this[0].id : var.private_dns_zone_id]
  }

  tags = var.tags
}

resource "azurerm_management_lock" "this" {
  count = var.deletion_protection ? 1 : 0

  name       = "${var.name}-is-kept"
  scope      = azurerm_postgresql_flexible_server.this.id
  lock_level = "CanNotDelete"
  notes      = "Set deletion_protection to false before you delete it."
}
