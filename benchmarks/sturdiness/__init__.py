"""Parts that measure whether anything can be hurt or lost."""
