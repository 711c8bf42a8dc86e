"""Layers that learn, step by step.

batches        what one optimisation step gets: pictures, or kept values of what is frozen
optimisation   the loop: thawed layers learn, the best state is kept
checkpoints    one file from which an optimisation goes on
"""
