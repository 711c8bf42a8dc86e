"""Parts that measure seconds and bytes; each module has `measure(data)`."""
