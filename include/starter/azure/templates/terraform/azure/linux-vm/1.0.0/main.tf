data "azurerm_resource_group" "this" {
  name = var.placement
}

locals {
  vm_sizes = {
    small  = "Standard_B2s"
    medium = "Standard_D2s_v5"
    large  = "Standard_D4s_v5"
  }
}

resource "azurerm_network_interface" "this" {
  name                = var.name
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location

  ip_configuration {
    name                          = "internal"
    subnet_id                     = var.subnet_ids[0]
    private_ip_address_allocation = "Dynamic"
  }

  tags = var.tags
}

resource "azurerm_linux_virtual_machine" "this" {
  name                  = var.name
  resource_group_name   = data.azurerm_resource_group.this.name
  location              = data.azurerm_resource_group.this.location
  size                  = local.vm_sizes[var.size]
  network_interface_ids = [azurerm_network_interface.this.id]
  custom_data           = var.startup_script == "" ? null : base64encode(var.startup_script)

  admin_username                  = var.admin_username
  disable_password_authentication = true
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  encryption_at_host_enabled      = var.encryption_at_host

  admin_ssh_key {
    username   = var.admin_username
    public_key = var.ssh_public_key
  }

  identity {
    type = "SystemAssigned"
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "Premium_LRS"
  }

  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = "server"
    version   = "latest"
  }

  tags = var.tags
}
