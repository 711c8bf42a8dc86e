"""Parts of the images page."""
