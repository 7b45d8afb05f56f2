# The providers that the image brings along, so that no worker asks a registry: add those that your adapters use.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
