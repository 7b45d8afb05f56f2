"""One interface over clouds: a question to any cloud in, answers and failures of one shape out."""
