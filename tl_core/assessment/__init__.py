"""Did the pretrained model help? It is compared with simpler ways on the same pictures.

inputs          what is asked, and the pictures, folds and features that all parts share
stored          what has been found so far, for pages and for later runs to go on from
assess          the parts, in their order
baselines       what could be had without the pretrained model
small_network   the network of one of them
scratch         the whole architecture trained without pretraining
verdict         the paired difference to the best of them
distance        how far the pictures are from what the backbone was trained on
similarity      how far parts of the pictures are from each other
place           whether new pictures come from elsewhere than those that a model learnt from
layer_curve     which layer groups hold the knowledge for these pictures
learning_curve  whether more pictures would help
health/         what is wrong with the pictures
ranking         which backbone suits the pictures best
"""
