data "azurerm_resource_group" "this" {
  name = var.placement
}

resource "azurerm_storage_account" "this" {
  name                = replace(var.name, "-", "")
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location

  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.replication

  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  infrastructure_encryption_enabled = true
  allow_nested_items_to_be_public   = false
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  cross_tenant_replication_enabled  = false
  public_network_access_enabled     = length(var.allowed_subnet_ids) > 0

  network_rules {
    default_action             = "Deny"
    bypass                     = ["AzureServices"]
    virtual_network_subnet_ids = var.allowed_subnet_ids
  }

  blob_properties {
    versioning_enabled = var.versioning

    delete_retention_policy {
      days = var.keep_deleted_days
    }

    container_delete_retention_policy {
      days = var.keep_deleted_days
    }
  }

  tags = var.tags
}

resource "azurerm_storage_container" "objects" {
  name                  = "objects"
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}
