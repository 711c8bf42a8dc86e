"""What a backbone makes of a project's pictures as they arrive, and of pictures from elsewhere."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones import create_backbone
from tl_core.backbones.network import FeatureReader
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for, to_uint8_crop
from tl_core.features.decoding import PLAIN_VIEW, crop_file
from tl_core.features.engine import CONVERTING_PAYS, Engine, choose_engine
from tl_core.features.extraction import (
    SAMPLE_PICTURES,
    FeatureTable,
    extract_features,
    kept_features,
    reader_name,
)
from tl_core.images import PictureRow, read_untrusted, without_labels
from tl_core.runs.catalogue import Backbone
from tl_core.workspace.storage import Workspace


class LiveFeatures:
    """Features of one project's pictures by one backbone, kept where trainings find them.

    Attributes:
        backbone: Which one.
        ready: Whether there is an engine that was converted and measured for this machine.
    """

    def __init__(self, workspace: Workspace, project_id: str, backbone: Backbone) -> None:
        self.backbone = backbone
        self.ready = False
        self._place = (workspace, project_id)
        self._kept: set[str] | None = None
        self._engine: Engine | None = None
        self._making = threading.Lock()

    def seen(self, rows: Iterable[PictureRow]) -> int:
        """Return of how many of these pictures there are features."""
        kept = self._kept or ()
        return sum(row.digest in kept for row in rows)

    def missing(self, rows: Iterable[PictureRow]) -> bool:
        """Whether features of some of these pictures are still to be computed."""
        return self._kept is None or any(row.digest not in self._kept for row in rows)

    def load(self) -> Iterator[None]:
        """Load the network, and see what is kept already, also by trainings.

        Raises:
            WeightsUnavailable: If the weights are not on this machine.
        """
        preprocessing = self._preprocessing
        yield
        kept = kept_features(*self._place, self.backbone, preprocessing, PLAIN_VIEW)
        self._kept = set(kept)
        yield

    def table(self, rows: Sequence[PictureRow]) -> Generator[None, None, FeatureTable]:
        """Compute what is not kept of these pictures, a few a step, and return all."""
        missing = [row.digest for row in rows if row.digest not in self._kept]
        workspace, project_id = self._place
        steps = extract_features(
            self._network,
            self.backbone,
            without_labels(workspace, project_id, rows),
            workspace=workspace,
            project_id=project_id,
        )
        try:
            while True:
                done = next(steps).done - (len(rows) - len(missing))
                self._kept.update(missing[:done])
                yield
        except StopIteration as end:
            self._kept.update(missing)
            return end.value
        finally:
            steps.close()  # keeps what was computed

    def make_engine(self, rows: Sequence[PictureRow]) -> Iterator[None]:
        """Convert and measure the network for this machine, unless that was done before."""
        if not self.ready and rows:
            some = without_labels(*self._place, rows[:SAMPLE_PICTURES])

            def sample() -> Tensor:
                return torch.stack([crop_file(one.path, self._preprocessing) for one in some])

            engine = self._chosen(sample, pictures=CONVERTING_PAYS)
            with self._making:
                self._engine = engine
            self.ready = True
        yield

    def of_content(self, content: bytes) -> np.ndarray:
        """Return the features of one picture from elsewhere, float32 (1, D).

        Raises:
            ImageFileError: If it cannot be read.
        """
        crop = to_uint8_crop(read_untrusted(content), self._preprocessing)
        with self._making:
            if self._engine is None:
                self._engine = self._chosen(lambda: crop[None], pictures=0)
            engine = self._engine
        return engine(crop[None])[0]

    def _chosen(self, sample: Callable[[], Tensor], *, pictures: int) -> Engine:
        return choose_engine(
            FeatureReader(self._network),
            self._preprocessing,
            sample,
            name=reader_name(self.backbone, self._network),
            workspace=self._place[0],
            pictures=pictures,
        )

    @cached_property
    def _network(self) -> nn.Module:
        workspace, project_id = self._place
        return create_backbone(self.backbone, project_dir=workspace.project_dir(project_id))

    @cached_property
    def _preprocessing(self) -> Preprocessing:
        return preprocessing_for(self._network)
