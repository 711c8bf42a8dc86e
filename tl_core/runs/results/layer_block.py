"""A network as a row of blocks, as pages draw it.

Light, unlike `layers`, which finds the blocks: what the compute process answers must not make
the server import torch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerBlock:
    """One layer group: its name for people, its place from 0, how many numbers it learns."""

    name: str
    index: int
    parameters: int
