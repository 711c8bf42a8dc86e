"""From scratch: the same architecture with random weights, for comparison."""

from tl_core.approaches.approach import Approach, Steps
from tl_core.approaches.fine_tuning import OPTIMISER_SETTINGS, learn
from tl_core.approaches.linear_probe import network_of
from tl_core.approaches.task import Task, group_copies
from tl_core.runs.approach import StepPlan


def train(task: Task) -> Steps:
    task = yield from group_copies(task, None)
    yield from learn(task, network_of(task, "last"), APPROACH)


APPROACH = Approach(
    name="scratch",
    pretrained=False,
    trained_groups=None,
    step_plan=StepPlan(epochs=30, least=200, most=600),
    settings=(*OPTIMISER_SETTINGS, "views"),
    train=train,
)
