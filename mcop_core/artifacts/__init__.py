"""Stored bytes: templates, snapshots, artifacts and states in and out by key, verified by digest."""
