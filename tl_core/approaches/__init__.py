"""One module per way to transfer, and the training that carries it out.

task              what a training is given; every picture looked at once, copies grouped
approach          the contract of a way to transfer, and where the ways stand
training          a training from pictures to a stored model, whatever the approach
principal_axes    pictures as coordinates of their features; ridge regression without each group
discriminant      discriminant analysis, and its answers without each group in closed form
probe             the classifier of the two, chosen by these answers: fitted whenever labels change
linear_probe      APPROACH "recommended": the whole backbone frozen
batches           what one optimisation step gets: pictures, or kept values of what is frozen
optimisation      the loop: thawed layers learn, the best state is kept
checkpoints       one file from which an optimisation goes on
fine_tuning       APPROACH "fine-tune": the last layer groups learn, from the probe on
from_scratch      APPROACH "scratch": the same architecture with random weights
improve           APPROACH "improve": the probe, then fine-tuning on trial, kept if it pays
"""
