"""The Training page's parts.

run_panel    the next training, and the one that is shown
progress     a training's phases, time left and curves
second_step  fine-tuning, offered beside a usable model
runs_table   all runs side by side
"""
