"""Backbones: from a catalogue entry to a network, and where other weights come from."""

from tl_core.backbones.creation import bundled_weights, create_backbone
from tl_core.backbones.own_weights import check_weights_file
from tl_core.backbones.search import search_backbones
