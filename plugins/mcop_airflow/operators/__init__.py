"""Operators: fields in, one core call, one log line in and one out."""
