"""Parts of the backbone page."""
