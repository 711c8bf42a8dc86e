"""runs/results."""
