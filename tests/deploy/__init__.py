"""MCOP's own installation: the modules, the policies, and what watches it."""
