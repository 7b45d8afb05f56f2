"""Checks of what a platform team starts with: catalogs for clouds whose providers no test can run."""
