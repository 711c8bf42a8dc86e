"""Backbones: from a catalogue entry to a network, and where other weights come from.

timm_import      timm without what takes as long again to import
search           every pretrained model that timm can download
creation         networks from catalogue entries, with their weights or random ones
own_weights      a person's own weights file, checked against an architecture
preprocessing    pictures into the numbers that a backbone sees
layer_groups     stem, stages or blocks, classifier; frozen or trained together
tensor_file      tensors on disk, with a checksum
scales           a convolutional network that reads every picture at two scales
network          backbone, features and classifier; its form on disk
unlike           is a picture unlike all those that a model learnt from?
anomaly          a network that knows normal pictures only: how odd another is, and where
group_outputs    what every layer group hands on to the next
tracing          a network as a graph: cut behind its frozen layers, or made quicker
"""

import tl_core.backbones.timm_import  # before anybody imports timm

# isort: split
from tl_core.backbones.creation import bundled_weights, create_backbone
from tl_core.backbones.own_weights import check_weights_file
from tl_core.backbones.search import search_backbones
