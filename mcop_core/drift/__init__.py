"""What in the cloud is not as it was deployed: deployments in, a `DriftReport` out."""
