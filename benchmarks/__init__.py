"""Measurements, side by side in one run: `python -m benchmarks --data DIR`.

resources    parts that measure seconds and bytes
quality      parts that measure whether answers are right
sturdiness   parts that measure whether anything can be hurt or lost
yardsticks   what is compared, each in a process of its own that prints one JSON line
measuring    pictures, projects, browser and memory to measure with; tables and plot to tell
"""
