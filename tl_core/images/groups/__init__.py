"""images/groups."""
