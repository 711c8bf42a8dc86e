"""The settings of the next training: read from the project, written back at once."""

from collections.abc import Callable
from dataclasses import replace

from pages.shared import state
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.draft import chosen_backbone, drafted_config, save_config
from tl_core.workspace import Project


def draft(project: Project) -> TrainingConfig:
    """Return the settings of the next training; good defaults until something was chosen."""
    if chosen_backbone(project) is None:
        raise ValueError("this project has no backbone yet")
    return drafted_config(project) or TrainingConfig(backbone=chosen_backbone(project))


def change_draft(change: Callable[[TrainingConfig], TrainingConfig]) -> None:
    """Apply a change to the settings on disk, as they are now; no change writes nothing."""
    project = state.current_project()
    before = draft(project)
    after = change(before)
    if after != before or drafted_config(project) is None:
        save_config(state.current_workspace(), project.id, after)


def accept_draft() -> None:
    """Store the settings as they are shown: going on with them is a choice, too."""
    change_draft(lambda config: config)


def saver(name: str, key: str) -> Callable[[], None]:
    """Return a widget's callback that stores its value as the setting `name`."""

    def save() -> None:
        change_draft(lambda config: replace(config, **{name: state.widget_value(key)}))

    return save
