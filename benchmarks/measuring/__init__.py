"""Pictures, projects, browser and memory to measure with; tables and a plot to tell."""
