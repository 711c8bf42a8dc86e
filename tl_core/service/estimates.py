"""How long a training will take on this machine, before it starts.

A finished training leaves in the machine's memo how much it did of each kind of work and in how
many seconds (`tally`, `remember`). An estimate multiplies what is to do by that; what was never
done here with this backbone is measured on a few pictures.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor, nn

from tl_core.approaches import fine_tuning
from tl_core.approaches.approach import Approach, approach_named
from tl_core.approaches.improve import TOLERATED
from tl_core.approaches.optimising.optimisation import step_dtype
from tl_core.approaches.probing.principal_axes import MOST_LANDMARKS
from tl_core.backbones import create_backbone
from tl_core.backbones.layer_groups import freeze_to, layer_groups, train_mode
from tl_core.backbones.network import FeatureReader, TransferNetwork, feature_blocks
from tl_core.backbones.preprocessing import normalise, preprocessing_for
from tl_core.backbones.tracing import cut
from tl_core.errors import DatasetError, ImageFileError, WeightsUnavailable
from tl_core.evaluation.out_of_fold import FOLDS
from tl_core.features.decoding import View, crop_file
from tl_core.features.device import device, machine_memo
from tl_core.features.engine import CONVERTING_PAYS, choose_engine
from tl_core.features.extraction import kept_features, reader_name
from tl_core.features.patches import kept_patches
from tl_core.images import count_images, image_path, list_classes, list_images, list_places
from tl_core.runs.approach import NORMAL, QUESTIONS, TARGET, UNLABELLED
from tl_core.runs.catalogue import Backbone
from tl_core.runs.configuration import TrainingConfig
from tl_core.service.tally import Tally
from tl_core.workspace.storage import Workspace

TIMES = tuple[tuple[float, float], ...]  # amount of work, seconds
KEPT = 5  # finished trainings that are remembered for each kind of work
MEASURING = 1.3  # a step with its share of measuring after every epoch, against itself
START_SECONDS = 1.5e-3  # per picture, to search for copies among the others
NUMBER_SECONDS = 3e-10  # per product of features
SAMPLE, STEP_SAMPLE = 8, 4  # pictures to measure a look and an optimisation step on
QUICK_SECONDS = 2.0  # for a step; slower ones are measured once, on few pictures


def remember(workspace: Workspace, project_id: str, config: TrainingConfig, tally: Tally) -> None:
    """Keep what a finished training did and how long it took, for the estimates to come."""
    training, memo = _Training(workspace, project_id, config), machine_memo(workspace)
    planned = training.planned() | {name: tally.amounts[name] for name in ("look", "front")}
    planned["step"] = tally.amounts["step"] * config.batch_size
    if not (tally.amounts["evaluate"] or training.approach.step_plan):
        del planned["evaluate"]  # it was known already, so no classifier was fitted
    for kind, amount in planned.items():
        if amount and tally.seconds[kind]:
            known = memo.get(training.name(kind), TIMES) or ()
            memo.put(training.name(kind), [*known, [amount, tally.seconds[kind]]][-KEPT:])


def estimate_seconds(workspace: Workspace, project_id: str, config: TrainingConfig) -> dict:
    """Return the expected seconds of each phase, their total, and on what device.

    Returns:
        `features`, `probe`, `fine_tune`, `evaluate` and `total` in seconds; `trial`, what trying
        fine-tuning takes in a recommended training, and whether it is `tried` to the end;
        `device`, "cpu", "mps" or a graphics card's name, and `cores` of the processor.

    Raises:
        BackboneError: If the architecture is unknown.
        WorkspaceError: If the project is gone.
    """
    training = _Training(workspace, project_id, config)
    work = training.planned() | {"look": missing_looks(workspace, project_id, config)}
    work["front"] *= training.frozen > 0
    seconds = {kind: amount and amount * training.rate(kind) for kind, amount in work.items()}
    tuning = seconds["front"] + seconds["step"]
    trial = tuning if training.tries_fine_tuning else 0.0
    tried = 0 < trial <= TOLERATED * config.tuning_seconds
    if trial and not tried:  # it is given up once its steps have begun
        tuning = seconds["front"]
    phases = {
        "features": seconds["start"] + seconds["look"],
        "probe": seconds["probe"],
        "fine_tune": tuning,
        "evaluate": seconds["evaluate"],
    }
    where = torch.cuda.get_device_name() if device() == "cuda" else device()
    phases |= {"total": sum(phases.values()), "trial": trial, "tried": tried}
    return {**phases, "device": where, "cores": torch.get_num_threads()}


def pictures_per_second(
    workspace: Workspace, project_id: str, backbone: Backbone, *, measure: bool
) -> float | None:
    """Return how many pictures the frozen backbone takes in a second here.

    Remembered from trainings; measured now if it is not and `measure` says so, else None.
    """
    training = _Training(workspace, project_id, TrainingConfig(backbone=backbone))
    known = machine_memo(workspace).get(training.name("look"), TIMES)
    return 1 / max(training.rate("look"), 1e-6) if known or measure else None


def missing_looks(workspace: Workspace, project_id: str, config: TrainingConfig) -> int:
    """Return how many looks at pictures are not cached yet; more than once at each with views."""
    training = _Training(workspace, project_id, config)
    views = [View()] if training.approach.pretrained else []
    if config.augmentations and views and not training.approach.step_plan:
        views += [View(config.augmentations, n, config.seed) for n in range(config.views)]
    preprocessing = preprocessing_for(training.untrained)
    pictures = sum(one.images - one.excluded for one in list_classes(workspace, project_id))
    place = (workspace, project_id, config.backbone, preprocessing)
    if QUESTIONS in training.approach.needs:
        pictures = count_images(workspace, project_id, excluded=False)
    if UNLABELLED in training.approach.needs:
        pictures += count_images(workspace, project_id, class_name=None, excluded=False)
    if TARGET in training.approach.needs:
        pictures += sum(total for total, _ in list_places(workspace, project_id).values())
    if NORMAL in training.approach.needs:
        return max(0, pictures - len(kept_patches(*place)))
    return sum(max(0, pictures - len(kept_features(*place, view))) for view in views)


@dataclass(frozen=True)
class _Training:
    """A training that may come: what it has to do, and what that costs here."""

    workspace: Workspace
    project_id: str
    config: TrainingConfig

    @cached_property
    def approach(self) -> Approach:
        return approach_named(self.config.strategy)

    @cached_property
    def untrained(self) -> nn.Module:
        return self.approach.adapt(_untrained(self.config.backbone))

    @property
    def tries_fine_tuning(self) -> bool:
        return "tuning_seconds" in self.approach.settings and self.config.tuning_seconds > 0

    @cached_property
    def frozen(self) -> int:
        tuned = fine_tuning.APPROACH if self.tries_fine_tuning else self.approach
        return tuned.frozen_groups(self.config, len(layer_groups(self.untrained)))

    def name(self, kind: str) -> str:
        """Return what seconds of a kind of work are remembered under."""
        if kind in ("start", "look"):
            side = preprocessing_for(self.untrained).input_size
            return f"{self.config.backbone.name} | {kind} at {side} pixels"
        tunes = kind in ("front", "step") and self.tries_fine_tuning
        strategy = fine_tuning.APPROACH.name if tunes else self.config.strategy
        how = f"{strategy}, {self.config.frozen_groups} frozen"
        return f"{self.config.backbone.name} | {kind} of {how}"

    def planned(self) -> dict[str, float]:
        """Return how much there is to do of each kind of work but looking.

        "front" and "evaluate" count pictures, "step" pictures in all batches, "probe" products per
        column of the features.
        """
        config, plan = self.config, self.approach.step_plan
        looks = config.views if config.augmentations else 1
        pictures, train, validation, given = self._sizes()
        whole = not given and not plan
        rows = train if plan else pictures if whole else train + validation
        rows *= 1 + config.views if config.augmentations and not plan else 1
        fit = rows * min(rows, MOST_LANDMARKS) if self.approach.pretrained else 0
        work = {"start": pictures + 100, "probe": fit, "front": 0, "step": 0, "evaluate": 0}
        work["start"] *= self.approach.pretrained
        if self.tries_fine_tuning:  # in every fold, then on all pictures
            steps = FOLDS * self._in_batches(rows - rows // FOLDS) + self._in_batches(rows)
            work |= {"probe": FOLDS * fit, "front": looks * pictures, "step": steps}
        elif plan:
            work |= {"front": looks * train + validation, "step": self._in_batches(train)}
            work["evaluate"] = pictures - train - validation or validation
        return work

    def _sizes(self) -> tuple[int, int, int, bool]:
        """Return pictures, those to train on, those to validate on; whether a test was given."""
        try:
            images = self.approach.image_set(self.workspace, self.project_id, self.config)
        except DatasetError:  # something is missing still
            classes = list_classes(self.workspace, self.project_id)
            pictures = sum(one.images - one.excluded for one in classes)
            return pictures, round(0.6 * pictures), round(0.2 * pictures), False
        return len(images.images), len(images.train), len(images.validation), images.test_given

    def _in_batches(self, learnt: int) -> int:
        plan = self.approach.step_plan or fine_tuning.APPROACH.step_plan
        epochs, per_epoch = plan.epochs_and_steps(self.config, max(1, learnt))
        return epochs * per_epoch * min(self.config.batch_size, max(1, learnt))

    def rate(self, kind: str) -> float:
        """Return seconds per unit of a kind of work: remembered, measured or usual."""
        memo, columns = machine_memo(self.workspace), sum(feature_blocks(self.untrained).values())
        if known := memo.get(self.name(kind), TIMES):
            return sum(took for _, took in known) / sum(amount for amount, _ in known)
        if kind == "start":
            return START_SECONDS
        if kind == "probe":
            return columns * NUMBER_SECONDS
        measure, detail = self._look_seconds, ""
        if kind == "step":
            measure, detail = self._step_seconds, f", {self.frozen} frozen"
        name = f"{self.config.backbone.name} | measured {measure.__name__}{detail}"
        return memo.least_seconds(name, measure)

    def _network(self) -> tuple[nn.Module, bool]:
        """Return the backbone, and whether it has its weights: without them it is as fast."""
        if self.approach.pretrained:
            with suppress(WeightsUnavailable):  # not downloaded yet
                place = self.workspace.project_dir(self.project_id)
                network = create_backbone(self.config.backbone, project_dir=place)
                return self.approach.adapt(network), True
        return self.untrained, False

    def _sample(self) -> Tensor:
        """Return crops of some of the pictures, uint8 (n, 3, S, S), n at least 1."""
        records = list_images(self.workspace, self.project_id, excluded=False, limit=1000)
        preprocessing, crops = preprocessing_for(self.untrained), []
        for record in records[:: max(1, len(records) // SAMPLE)][:SAMPLE]:
            with suppress(ImageFileError, OSError):  # the training will name it
                path = image_path(self.workspace, self.project_id, record)
                crops.append(crop_file(path, preprocessing))
        side = preprocessing.input_size
        return torch.stack(crops or [torch.zeros(3, side, side, dtype=torch.uint8)])

    def _look_seconds(self) -> float:
        """Read a few pictures and run them through the frozen network."""
        start, sample = time.perf_counter(), self._sample()
        read = (time.perf_counter() - start) / len(sample) / torch.get_num_threads()
        network, pretrained = self._network()
        engine = choose_engine(
            FeatureReader(network),
            preprocessing_for(network),
            lambda: sample,
            name=reader_name(self.config.backbone, network) if pretrained else "random weights",
            workspace=self.workspace,
            pictures=CONVERTING_PAYS if pretrained else 0,  # while a person chooses, there is time
        )
        return read + 1 / engine.choice.pictures_per_second

    def _step_seconds(self) -> float:
        """Update what is not frozen on a few pictures."""
        network = TransferNetwork(self._network()[0], features="last", num_classes=2).to(device())
        crops = self._sample()[:1].repeat(STEP_SAMPLE, 1, 1, 1).to(device())
        images = normalise(crops, preprocessing_for(network.backbone))
        freeze_to(network, self.frozen)
        halves = cut(network, images) if self.frozen else None
        back = halves.back if halves else network
        with torch.no_grad():
            inputs = halves.front(images) if halves else (images,)
        train_mode(network, batch_size=STEP_SAMPLE)
        learning = [value for value in network.parameters() if value.requires_grad]
        trained = len(layer_groups(network)) - self.frozen
        optimiser, dtype = torch.optim.AdamW(learning, lr=0.0), step_dtype(device(), trained)
        seconds, pictures = 0.0, STEP_SAMPLE
        for times in (1, 4, 4):  # the first ones allocate; the last is a batch as trainings take it
            if times * seconds > QUICK_SECONDS:
                break
            start, pictures = time.perf_counter(), times * STEP_SAMPLE
            with torch.autocast(device(), dtype=dtype, enabled=dtype != torch.float32):
                logits = back(*(torch.cat([value] * times) for value in inputs))
            logits.float().logsumexp(dim=1).mean().backward()
            optimiser.step()
            optimiser.zero_grad()
            learning[0].sum().item()  # waits for a graphics card
            seconds = time.perf_counter() - start
        return MEASURING * seconds / pictures


@lru_cache(maxsize=4)
def _untrained(backbone: Backbone) -> nn.Module:
    return create_backbone(backbone, pretrained=False)
