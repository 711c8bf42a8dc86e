"""The usual fine-tuning loop, the yardstick for ours: the whole network each epoch.

Every picture is decoded once, before the clock starts; then epochs of forward, backward and
update in plain float32 with the first layer groups frozen. Prints one JSON line.
"""

import json
import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.yardsticks.loop_start import options, start
from tl_core.backbones.layer_groups import layer_groups, parameter_groups, train_mode
from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.features.decoding import crop_file
from tl_core.images import LabelledImage


def main() -> None:
    given = options(__doc__)
    with start(given) as (job, network):
        config, epochs = job.config, []
        train, labels = _read(job.images.train, job.preprocessing)
        validation, truth = _read(job.images.validation, job.preprocessing)
        groups = parameter_groups(
            network,
            classifier_lr=config.classifier_lr,
            backbone_lr=config.backbone_lr,
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        )
        optimiser = torch.optim.AdamW(groups)
        torch.manual_seed(given.seed)
        correct = [_correct(network, validation, truth)]
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=[group["lr"] for group in groups],
            total_steps=max(config.steps, 20),
            pct_start=0.1,
            cycle_momentum=False,
        )
        for _epoch in range(given.epochs):
            began = time.perf_counter()
            train_mode(network, batch_size=given.batch)
            for part in torch.randperm(len(train)).split(given.batch)[: len(train) // given.batch]:
                logits = network(torch.stack([train[i] for i in part.tolist()]))
                loss = nn.functional.cross_entropy(logits, labels[part])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            epochs.append(time.perf_counter() - began)
            correct.append(_correct(network, validation, truth))
        found = {"epoch": statistics.median(epochs), "seconds": sum(epochs)}
        found |= {"pictures": len(train), "groups": len(layer_groups(network))}
        print(json.dumps({**found, "correct": max(correct), "validated": len(truth)}))


def _read(
    images: Sequence[LabelledImage], preprocessing: Preprocessing
) -> tuple[list[Tensor], Tensor]:
    """Return normalised pictures, each float32 (3, S, S), and labels, int64 (N,)."""
    crops = [normalise(crop_file(image.path, preprocessing), preprocessing) for image in images]
    return crops, torch.tensor([image.label for image in images], dtype=torch.int64)


@torch.inference_mode()
def _correct(network: nn.Module, pictures: list[Tensor], labels: Tensor) -> int:
    network.eval()
    found = [network(picture[None]).argmax(dim=1) for picture in pictures]
    return int((torch.cat(found) == labels).sum()) if found else 0


if __name__ == "__main__":
    main()
