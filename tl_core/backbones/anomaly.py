"""A network that knows normal pictures only, and says how odd another one is, and where.

Distances to the nearest of remembered normal pictures: of the whole (mean and deviation of every
stage) and of its parts (a middle stage, smoothed).

Source: Roth et al. (2022), "Towards Total Recall in Industrial Anomaly Detection" (PatchCore),
arXiv:2106.08265.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, interpolate

from tl_core.backbones.network import MOST_CHANNELS, moments, stage_indices
from tl_core.runs.results.anomaly import SHARPNESS

MOST_SIDE = 14  # patches along a side


class PatchReader(nn.Module):
    """Normalised images (n, 3, S, S) -> moments of all stages (n, D), patches (n, P, C)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        _, stages = self.backbone.forward_intermediates(
            images, indices=stage_indices(self.backbone)
        )
        middle = stages[-2].float()
        middle = middle[:, :: -(-middle.shape[1] // MOST_CHANNELS)]
        smooth = avg_pool2d(middle, 3, 1, 1, count_include_pad=False)
        if smooth.shape[2] > MOST_SIDE:
            smooth = adaptive_avg_pool2d(smooth, MOST_SIDE)
        return torch.cat(moments(stages), dim=1), smooth.flatten(2).transpose(1, 2)


class AnomalyNetwork(nn.Module):
    """Logits of "normal" and "anomalous"; equal where a picture is just as odd as is allowed.

    Args:
        backbone: timm model without classifier.
        memory: The buffers: `whole` (M, D) and `patches` (P, C) are standardised, each by its
            mean and scale; `location` and `spread` (2,) are of the logarithms of distances between
            normal pictures, of the whole and the mean of the parts; `limit` () of the larger of
            the two, in spreads.
    """

    unlike = None  # oddness is the answer itself
    features_read = "anomaly"
    unit_length = False

    def __init__(self, backbone: nn.Module, memory: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.reader = PatchReader(backbone)
        for name, value in memory.items():
            self.register_buffer(name, value.clone())

    @property
    def backbone(self) -> nn.Module:
        return self.reader.backbone

    @property
    def feature_mean(self) -> Tensor:
        return self.whole_mean

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 (N, 2), of normalised images (N, 3, H, W)."""
        odd = SHARPNESS * (self.oddness(images)[:, None] - self.limit)
        return torch.cat([torch.zeros_like(odd), odd], dim=1)

    def answer(self, images: Tensor) -> tuple[Tensor, None]:
        return self(images), None

    def oddness(self, images: Tensor) -> Tensor:
        """Return how many spreads from normal each picture is, (N,)."""
        distances = torch.stack(self._distances(*self.reader(images)), dim=1)  # (N, 2)
        logarithms = distances.clamp(min=1e-6).log()
        return ((logarithms - self.location) / self.spread).amax(dim=1)

    def heat(self, images: Tensor) -> Tensor:
        """Return how odd each place of one picture is, (S, S), in [0, 1]."""
        odd = self._of_patches(self.reader(images)[1])[0].clamp(min=1e-6).log()  # (P,)
        side = int(odd.numel() ** 0.5)
        usual, wide = self.location[1], self.spread[1].clamp(min=0.05)
        place = ((odd - usual) / (8 * wide)).clamp(0, 1).reshape(1, 1, side, -1)
        return interpolate(place, images.shape[-2:], mode="bilinear")[0, 0]

    def _distances(self, whole: Tensor, patches: Tensor) -> tuple[Tensor, ...]:
        whole = (whole - self.whole_mean) / self.whole_scale
        return nearest(whole, self.whole), self._of_patches(patches).mean(dim=1)

    def _of_patches(self, patches: Tensor) -> Tensor:
        """Return the distance of each patch (N, P, C) to the nearest remembered one, (N, P)."""
        flat = ((patches - self.patch_mean) / self.patch_scale).flatten(0, 1)
        return nearest(flat, self.patches).reshape(-1, patches.shape[1])


def nearest(values: Tensor, remembered: Tensor) -> Tensor:
    """Return the distance of each row (N, D) to the nearest of (M, D), (N,)."""
    squares = (remembered**2).sum(dim=1) - 2 * values @ remembered.T  # (N, M)
    return (squares.amin(dim=1) + (values**2).sum(dim=1)).clamp(min=0).sqrt()
