"""An engine that writes configuration files into an object store: a primitive's `files.yaml` in, objects out."""
