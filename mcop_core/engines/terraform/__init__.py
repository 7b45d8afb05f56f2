"""Terraform and OpenTofu as an engine."""
