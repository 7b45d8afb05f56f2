"""Canaries: secrets that go through every door, and a search for them in everything that an execution leaves."""
