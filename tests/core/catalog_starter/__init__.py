"""The primitives of `include/catalog`, each tried with the values of its case in `tests/cases/starter`."""
