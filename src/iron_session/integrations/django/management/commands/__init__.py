"""Each command is a file."""
