"""What was chosen in a project for its next training: the backbone, and a draft of settings."""

from dataclasses import replace

from tl_core.runs.catalogue import Backbone, backbone_from_json, backbone_to_json
from tl_core.runs.configuration import TrainingConfig, config_from_json, config_to_json
from tl_core.workspace.projects import Project, change_choices
from tl_core.workspace.storage import Workspace


def chosen_backbone(project: Project) -> Backbone | None:
    return backbone_from_json(project.backbone) if project.backbone else None


def drafted_config(project: Project) -> TrainingConfig | None:
    return config_from_json(project.config) if project.config else None


def save_backbone(workspace: Workspace, project_id: str, backbone: Backbone) -> None:
    """Store the choice; in the draft it replaces the old one, whose layers no longer apply."""

    def change(_backbone: dict | None, config: dict | None) -> tuple[dict, dict | None]:
        if config is not None:
            draft = replace(config_from_json(config), backbone=backbone, frozen_groups=None)
            config = config_to_json(draft)
        return backbone_to_json(backbone), config

    change_choices(workspace, project_id, change)


def save_config(workspace: Workspace, project_id: str, config: TrainingConfig) -> None:
    """Store the draft of the next training."""
    change_choices(workspace, project_id, lambda backbone, _: (backbone, config_to_json(config)))
