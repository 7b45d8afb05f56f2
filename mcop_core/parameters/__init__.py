"""Parameters: templates and layers in, values with their provenance and open `OutputRef`s out."""
