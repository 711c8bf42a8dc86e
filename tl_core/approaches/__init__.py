"""approaches."""
