"""The linear classifier on kept features: fitted anew whenever labels change.

principal_axes   pictures as coordinates of their features; ridge regression without each group
discriminant     discriminant analysis, and its answers without each group in closed form
probe            the classifier of the two, chosen by these answers
heads            several such classifiers as one; thresholds of labels
active_learning  which pictures to label next, and what more labels may gain
self_training    the same, learning from its answers for pictures without labels as well
adapting         the same for another place, of which there are pictures without labels
"""
