"""The packages of docs/examples, installed and used as anybody would."""
