"""docker-compose.yaml run without Docker: each service a process of its own, on a network and disks of its own."""
