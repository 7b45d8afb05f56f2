"""References to secrets in, their values out: everybody may hold a reference, only who runs an engine asks a store."""
