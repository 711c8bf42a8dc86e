"""Layers that learn without labels: two augmented views of a picture shall have alike features.

Each method has its own way to keep the features of all pictures from becoming the same:

simsiam  one side's slope is not followed (Chen & He 2020, arXiv:2011.10566)
byol     one side is a slow average of the network (Grill et al. 2020, arXiv:2006.07733)
vicreg   numbers must vary from picture to picture and must not repeat one another (Bardes et al.
         2021, arXiv:2105.04906)
normalisation  learns nothing: batch normalisation takes mean and variance from these pictures (Li
         et al. 2016, "AdaBN", arXiv:1603.04779), as it does beside the others
"""

import copy
import time
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, mse_loss, relu

from tl_core.approaches.optimising.batches import Inputs, epoch_order
from tl_core.approaches.optimising.optimisation import (
    FIRST_SCALE,
    set_learning_rate,
    step_dtype,
    update,
)
from tl_core.backbones.layer_groups import (
    frozen_count,
    layer_groups,
    parameter_groups,
    train_mode,
)
from tl_core.backbones.network import TransferNetwork
from tl_core.features.device import device
from tl_core.features.frozen_front import FrontValues
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Progress

METHODS = ("normalisation", "simsiam", "byol", "vicreg")
HIDDEN, PROJECTED = 1024, 256  # sizes of the heads, which are thrown away afterwards
SLOW = 0.99  # of the slow average is kept in every step
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
BATCH = 64
VIEWS = 4  # augmented ones of every picture
HEAD_LR = 1e-3


class Agreement(nn.Module):
    """How little the features of two views agree, by one of `METHODS`.

    Args:
        method: One of `METHODS`.
        encode: From a batch of kept values to features (n, D); what shall learn.
        size: D.
    """

    def __init__(self, method: str, encode: nn.Module, size: int) -> None:
        super().__init__()
        self.method = method
        self.encode = encode
        self.project = _head(size)
        self.predict = nn.Identity() if method in ("normalisation", "vicreg") else _head(PROJECTED)
        self.slow = None
        if method == "byol":
            self.slow = nn.ModuleList([copy.deepcopy(encode), copy.deepcopy(self.project)])
            self.slow.requires_grad_(False)

    def heads(self) -> list[nn.Parameter]:
        """Return what learns beside the features."""
        return [*self.project.parameters(), *self.predict.parameters()]

    def forward(self, first: Inputs, second: Inputs) -> Tensor:
        """Return the loss, 0-dimensional, of two views of n pictures each."""
        both = tuple(torch.cat(values) for values in zip(first, second, strict=True))
        if self.method == "normalisation":
            with torch.no_grad():
                self.encode(*both)
            return torch.zeros((), device=both[0].device, requires_grad=True)
        projected = self.project(self.encode(*both).float()).float()  # (2n, P)
        if self.method == "vicreg":
            return _vicreg(*projected.chunk(2))
        wanted = projected.detach()
        if self.slow is not None:
            with torch.no_grad():
                wanted = self.slow[1](self.slow[0](*both).float()).float()
        ours, theirs = self.predict(projected).chunk(2), wanted.chunk(2)
        alike = cosine_similarity(ours[0], theirs[1]) + cosine_similarity(ours[1], theirs[0])
        return -alike.mean() / 2

    @torch.no_grad()
    def after_step(self) -> None:
        """Let the slow average follow, if there is one."""
        for slow, quick in zip(self.slow or (), (self.encode, self.project), strict=False):
            for kept, now in zip(slow.parameters(), quick.parameters(), strict=True):
                kept.lerp_(now, 1 - SLOW)


def _head(size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size, HIDDEN, bias=False),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(inplace=True),
        nn.Linear(HIDDEN, PROJECTED),
    )


def _vicreg(first: Tensor, second: Tensor) -> Tensor:
    loss = INVARIANCE * mse_loss(first, second)
    for view in (first, second):
        centred = view - view.mean(dim=0)  # (n, P)
        loss = loss + VARIANCE / 2 * relu(1 - (centred.var(dim=0) + 1e-4).sqrt()).mean()
        covariance = centred.T @ centred / (len(view) - 1)
        others = covariance.pow(2).sum() - covariance.diagonal().pow(2).sum()
        loss = loss + COVARIANCE * others / view.shape[1]
    return loss


class SelfSupervision:
    """The re-training of a network's thawed layers, epoch by epoch.

    Args:
        network: Its layers are frozen as they shall be.
        agreement: Reads what the network's frozen front made of pictures.
        views: What it made of augmented views of the pictures, at least two.
        digests: Of the pictures.
        config: Learning rates and seed.
        epochs: How many there will be.
    """

    def __init__(
        self,
        network: TransferNetwork,
        agreement: Agreement,
        *,
        views: Sequence[FrontValues],
        digests: Sequence[str],
        config: TrainingConfig,
        epochs: int,
    ) -> None:
        self._network, self._agreement = network, agreement.to(device())
        self._views, self._digests = views, digests
        self._seed, self._epochs = config.seed, epochs
        groups = parameter_groups(
            network,
            classifier_lr=config.classifier_lr,
            backbone_lr=config.backbone_lr,
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        )
        groups.append({"params": agreement.heads(), "lr": HEAD_LR, "name": "heads"})
        for group in groups:
            group["full_lr"] = group["lr"]
        self._optimiser = torch.optim.AdamW(groups)
        self._scale = FIRST_SCALE
        trained = len(layer_groups(network)) - frozen_count(network)
        self._dtype = step_dtype(device(), trained)

    def epoch(self, number: int) -> Generator[Event, None, float]:
        """Go once through the pictures, two of their views at a time; return the mean loss."""
        size, place = min(BATCH, len(self._digests)), device()
        order = epoch_order(len(self._digests), seed=self._seed, epoch=number, batch_size=size)
        parts = [part.tolist() for part in order if len(part) == size]
        torch.manual_seed(self._seed * 100_003 + number)  # dropout and its like
        train_mode(self._network, batch_size=size)
        losses, began = [], time.perf_counter()
        for step, part in enumerate(parts):
            done, total = (number - 1) * len(parts) + step, self._epochs * len(parts)
            set_learning_rate(self._optimiser, done / total)
            digests = [self._digests[i] for i in part]
            pair = [tuple(v.to(place) for v in w.take(digests)) for w in self._pair(number)]
            with torch.autocast(place, dtype=self._dtype, enabled=self._dtype != torch.float32):
                loss = self._agreement(*pair)
            self._scale = update(loss, self._optimiser, self._scale, self._dtype)
            self._agreement.after_step()
            losses.append(loss.item())
            pace = (time.perf_counter() - began) / (step + 1)
            yield Progress("fine_tune", done + 1, total, pace * (total - done - 1))
        self._network.eval()
        return float(np.mean(losses))

    def _pair(self, number: int) -> tuple[FrontValues, FrontValues]:
        """Return two views; each epoch has another pair, until all have been there."""
        count = len(self._views)
        step = 1 + number // count % (count - 1)
        return self._views[number % count], self._views[(number + step) % count]
