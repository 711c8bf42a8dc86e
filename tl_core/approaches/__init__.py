"""One module per way to transfer, and the training that carries it out.

task              what a training is given; every picture looked at once, copies grouped
approach          the contract of a way to transfer, and where the ways stand
training          a training from pictures to a stored model, whatever the approach
principal_axes    pictures in few coordinates; ridge regression without each group
discriminant      a linear classifier refitted for new labels in milliseconds
probe             linear classifiers on kept features, and how they are fitted
probe_choice      which features to read and how to fit, decided by cross-validation
cross_validation  the probe measured: chosen and fitted inside each fold, kept on disk
linear_probe      APPROACH "probe": the whole backbone frozen
batches           what one optimisation step gets: pictures, or kept values of what is frozen
optimisation      the loop: thawed layers learn, the best state is kept
checkpoints       one file from which an optimisation goes on
fine_tuning       APPROACH "fine-tune": the last layer groups learn, from the probe on
from_scratch      APPROACH "scratch": the same architecture with random weights
recommended       APPROACH "recommended": the probe, then fine-tuning on trial, kept if it pays
"""
