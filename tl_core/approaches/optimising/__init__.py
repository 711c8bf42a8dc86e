"""Layers that learn, step by step.

batches        what one optimisation step gets: pictures, or kept values of what is frozen
optimisation   the loop: thawed layers learn, the best state is kept
self_supervision   losses without labels, and an epoch of learning by them
retraining     the loop without labels, with a probe on the features of every epoch
checkpoints    one file from which an optimisation goes on
"""
