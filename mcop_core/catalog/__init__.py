"""The catalog: YAML documents and published versions in, frozen objects by `ObjectRef` out."""
