"""The Transfer page's parts.

comparison     which comparison is shown, whether it is up to date, start and follow
findings       what it has found, part by part
words          the engine's facts as sentences
subset_choice  two parts of the pictures to compare
"""
