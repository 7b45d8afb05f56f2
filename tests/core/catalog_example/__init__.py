"""Checks of the example in `include/catalog`."""
