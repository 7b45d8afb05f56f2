data "google_client_config" "current" {}

resource "google_service_account" "this" {
  account_id   = var.name
  display_name = var.name
  description  = var.description
}

resource "google_project_iam_member" "this" {
  for_each = var.project_roles

  project = data.google_client_config.current.project
  role    = each.value
  member  = google_service_account.this.member
}

resource "google_service_account_iam_member" "users" {
  for_each = var.users

  service_account_id = google_service_account.this.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}
