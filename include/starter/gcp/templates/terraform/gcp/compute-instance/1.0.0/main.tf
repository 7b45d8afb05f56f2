locals {
  machine_types = {
    small  = "e2-small"
    medium = "e2-standard-2"
    large  = "e2-standard-4"
  }
}

data "google_compute_zones" "this" {
  region = var.placement
}

resource "google_service_account" "this" {
  account_id   = var.name
  display_name = "The machine ${var.name}"
}

resource "google_compute_instance" "this" {
  name         = var.name
  zone         = data.google_compute_zones.this.names[0]
  machine_type = local.machine_types[var.size]

  allow_stopping_for_update = true

  metadata = merge(
    {
      ssh-keys               = "${var.admin_username}:${var.ssh_public_key}"
      block-project-ssh-keys = "true"
      serial-port-enable     = "false"
    },
    var.startup_script == "" ? {} : { user-data = var.startup_script },
  )

  boot_disk {
    initialize_params {
      image = "ubuntu-os-cloud/ubuntu-2404-lts-amd64"
      size  = var.disk_gb
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = var.subnet_ids[0]
  }

  service_account {
    email  = google_service_account.this.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  labels = var.tags

  lifecycle {
    ignore_changes = [boot_disk[0].initialize_params[0].image, zone] # A newer image or zone would make it anew.
  }
}
