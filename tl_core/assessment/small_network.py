"""A small convolutional network, trained from scratch: what can be had without pretraining."""

import numpy as np
import torch
from torch import Tensor, nn

STEPS = 300
BATCH = 32
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
WIDTHS = (16, 32, 64, 128)
SHIFT = 4  # pixels by which pictures are moved about


class SmallNetwork(nn.Module):
    """Four convolutions with BatchNorm, average pooling, a linear classifier."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            layers += [
                nn.Conv2d(before, width, 3, stride=2 if before == 3 else 1, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            before = width
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(before * 4, num_classes)  # 2 x 2 places are left of 64

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.body(images).flatten(1))


def train_small(
    pictures: np.ndarray, labels: np.ndarray, num_classes: int, *, seed: int, steps: int = STEPS
) -> SmallNetwork:
    """Fit the network; every class counts equally.

    Args:
        pictures: uint8 (N, 3, 64, 64).
        labels: int64 (N,).
        num_classes: K.
        seed: Same seed, same network.
        steps: Updates.

    Source of the schedule: Smith & Topin (2017), "Super-Convergence", arXiv:1708.07120.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SmallNetwork(num_classes).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(seed)
    images, targets = standardised(pictures), torch.from_numpy(labels)
    counts = torch.bincount(targets, minlength=num_classes).clamp(min=1)
    weights = (len(targets) / (num_classes * counts)).float()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    order = torch.empty(0, dtype=torch.int64)
    batch = min(BATCH, len(targets))
    for _step in range(steps):
        if len(order) < batch:
            order = torch.cat([order, torch.randperm(len(targets), generator=generator)])
        rows, order = order[:batch], order[batch:]
        logits = network(_varied(images[rows], generator))
        loss = nn.functional.cross_entropy(logits, targets[rows], weight=weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def logits_of_small(network: SmallNetwork, pictures: np.ndarray) -> np.ndarray:
    """Return logits, float32 (N, K), of uint8 pictures (N, 3, 64, 64)."""
    return np.concatenate([network(part).numpy() for part in standardised(pictures).split(256)])


def standardised(pictures: np.ndarray) -> Tensor:
    images = (torch.from_numpy(pictures).float() - 127.5) / 64
    return images.contiguous(memory_format=torch.channels_last)


def _varied(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror half of the pictures, and move all of them by the same few pixels."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
    return torch.roll(images, (down, right), (2, 3))
