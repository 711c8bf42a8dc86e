"""Parts that measure whether answers are right; each module has `measure(data)`."""
