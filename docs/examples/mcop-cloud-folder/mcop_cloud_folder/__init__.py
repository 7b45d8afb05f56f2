"""A cloud of MCOP that is a folder: every instance is a file."""
