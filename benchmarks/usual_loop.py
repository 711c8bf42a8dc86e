"""The usual fine-tuning loop, the yardstick for `fine_tuning`: the whole network each epoch.

Every picture is decoded once, before the clock starts; then epochs of forward, backward and
update in plain float32 with the first layer groups frozen. Prints one JSON line.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.plain_script import pictures
from tl_core.backbones import create_backbone
from tl_core.catalogue import BUNDLED, find
from tl_core.layers import freeze_to, train_mode
from tl_core.network import TransferNetwork
from tl_core.pictures import crop_file
from tl_core.transforms import normalise, preprocessing_for


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frozen", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    backbone = create_backbone(find(BUNDLED))
    preprocessing = preprocessing_for(backbone)
    files, names = pictures(options.folder)
    classes = sorted(set(names))
    crops = torch.stack([crop_file(path, preprocessing) for path in files])
    labels = torch.tensor([classes.index(name) for name in names])
    torch.manual_seed(options.seed)
    network = TransferNetwork(backbone, features="last", num_classes=len(classes))
    freeze_to(network, options.frozen)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-4)
    start = time.perf_counter()
    for _epoch in range(options.epochs):
        train_mode(network, batch_size=options.batch)
        order = torch.randperm(len(crops))
        for part in order.split(options.batch)[: len(crops) // options.batch]:
            loss = nn.functional.cross_entropy(
                network(normalise(crops[part], preprocessing)), labels[part]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": round(seconds, 3), "epoch": seconds / options.epochs}))


if __name__ == "__main__":
    main()
