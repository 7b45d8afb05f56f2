locals {
  tiers = {
    small  = "db-custom-1-3840"
    medium = "db-custom-2-7680"
    large  = "db-custom-4-15360"
  }
}

data "google_compute_subnetwork" "this" {
  self_link = var.subnet_ids[0]
}

resource "random_password" "this" {
  length  = 32
  special = false
}

resource "google_sql_database_instance" "this" {
  name                = var.name
  region              = var.placement
  database_version    = "POSTGRES_16"
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = local.tiers[var.size]
    disk_size                   = var.storage_gb
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    availability_type           = var.highly_available ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = data.google_compute_subnetwork.this.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "02:00"
    }

    user_labels = var.tags
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size] # It grows by itself, and cannot shrink.
  }
}

resource "google_sql_database" "this" {
  name     = var.database_name
  instance = google_sql_database_instance.this.name
}

resource "google_sql_user" "this" {
  name     = "application"
  instance = google_sql_database_instance.this.name
  password = random_password.this.result
}
