output "instance_id" {
  description = "Id of the machine."
  value       = google_compute_instance.this.instance_id
}

output "private_address" {
  description = "Its address in the network."
  value       = google_compute_instance.this.network_interface[0].network_ip
}

output "service_account_email" {
  description = "Who the machine is, for roles."
  value       = google_service_account.this.email
}
