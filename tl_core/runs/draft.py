"""What was chosen in a project for its next training: the backbone, and a draft of settings."""

from contextlib import suppress
from dataclasses import replace

from tl_core.runs.catalogue import Backbone, backbone_from_json, backbone_to_json
from tl_core.runs.configuration import TrainingConfig, config_from_json, config_to_json
from tl_core.workspace.json_values import UNREADABLE
from tl_core.workspace.projects import Project, change_choices
from tl_core.workspace.storage import Workspace


def chosen_backbone(project: Project) -> Backbone | None:
    """Return the backbone that was chosen, None if none was or it cannot be read."""
    with suppress(*UNREADABLE):
        return backbone_from_json(project.backbone) if project.backbone else None
    return None


def drafted_config(project: Project) -> TrainingConfig | None:
    """Return the draft of the next training, None if there is none or it cannot be read."""
    with suppress(*UNREADABLE):
        return config_from_json(project.config) if project.config else None
    return None


def save_backbone(workspace: Workspace, project_id: str, backbone: Backbone) -> None:
    """Store the choice; in the draft it replaces the old one, whose layers no longer apply."""

    def change(_backbone: dict | None, config: dict | None) -> tuple[dict, dict | None]:
        draft = None
        with suppress(*UNREADABLE):
            if config is not None:
                draft = replace(config_from_json(config), backbone=backbone, frozen_groups=None)
        return backbone_to_json(backbone), config_to_json(draft) if draft else None

    change_choices(workspace, project_id, change)


def save_config(workspace: Workspace, project_id: str, config: TrainingConfig) -> None:
    """Store the draft of the next training."""
    change_choices(workspace, project_id, lambda backbone, _: (backbone, config_to_json(config)))
