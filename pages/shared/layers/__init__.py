"""Parts of the layers page."""
