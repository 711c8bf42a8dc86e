"""One module per way to transfer, and the training that carries it out.

task            what a training is given; every picture looked at once, copies grouped
approach        the contract of a way to transfer, and where the ways stand
overlap         test pictures that are in the training part, too
training        a training from pictures to a stored model, whatever the approach
probing/        the linear classifier on kept features, refitted whenever labels change
linear_probe    APPROACH "recommended": the whole backbone frozen; "two_scales", read twice
optimising/     layers that learn, step by step
fine_tuning     APPROACH "fine-tune": the last layer groups learn, from the probe on
from_scratch    APPROACH "scratch": the same architecture with random weights
improve         APPROACH "improve": the probe, then fine-tuning on trial, kept if it pays
self_supervised     APPROACH: pictures without labels are learnt from, too
domain_adaptation   APPROACH: labelled pictures of one place, unlabelled ones of another
multi_task          APPROACH: several questions, or several labels per picture
anomaly_detection   APPROACH: normal pictures only, whatever is unlike them is anomalous
clustering          groups of pictures that have no labels yet
"""
