"""Results as the command line writes them: JSON, tables, a few lines for a terminal."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_core.images import PictureRow, get_images, list_groups
from tl_core.images.splits import TEST
from tl_core.runs import Run
from tl_core.runs.results.assessment import Assessment
from tl_core.runs.results.health import Health
from tl_core.runs.results.report import Report
from tl_core.workspace.names import without_formula
from tl_core.workspace.storage import Workspace

if TYPE_CHECKING:
    from tl_core.approaches.clustering import Clusters


def report_json(run: Run, run_dir: Path, report: Report) -> bytes:
    facts = {**report.summary(), **report.findings, "run": run.id, "folder": str(run_dir)}
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()


def assessment_json(workspace: Workspace, project_id: str, found: Assessment) -> bytes:
    """Return all that was found, and the groups of pictures that show the same thing."""
    facts = asdict(found)
    facts["groups"] = [
        {"kind": group.kind, "files": [record.name for record in group.images]}
        for group in list_groups(workspace, project_id)
    ]
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()


def assessment_text(found: Assessment) -> str:
    """Return the answer and the numbers for a terminal, one labelled line each."""
    lines = ["verdict: none yet"]
    if verdict := found.verdict:
        low, high = verdict.interval_points
        lines = [
            f"verdict: {verdict.answer}, {verdict.points:+.1f} points against {verdict.against} "
            f"({low:+.1f} to {high:+.1f}, {verdict.n} pictures)"
        ]
    for bar in sorted(found.measured, key=lambda one: one.accuracy):
        low, high = bar.interval
        lines.append(
            f"  {bar.accuracy:.3f} ({low:.3f} to {high:.3f}, {bar.correct} of {bar.n})  {bar.name}"
        )
    if found.layers:
        best = max(found.layers.points, key=lambda point: point.accuracy)
        lines.append(
            f"layers: best after {best.group_name} ({best.accuracy:.3f}); "
            f"suggested frozen groups: {found.layers.suggested_frozen}"
        )
    if found.learning and found.learning.extrapolated:
        size, low, middle, high = found.learning.extrapolated[0]
        lines.append(f"{size} pictures per class: about {middle:.3f} ({low:.3f} to {high:.3f})")
    if found.calibration:
        lines.append(
            f"calibration error: {found.calibration.error:.3f} "
            f"(temperature {found.calibration.temperature:.2f})"
        )
    if found.distance and found.distance.distance is not None:
        lines.append(
            f"distance from the pretraining data: {found.distance.distance:.2f} "
            f"({found.distance.nearness})"
        )
    lines += [
        f"proxy A-distance of {pair.a} and {pair.b}: {pair.proxy_a_distance:.2f} of 2"
        for pair in found.similarities
    ]
    return "\n".join([*lines, *found.notes])


def predictions_csv(workspace: Workspace, project_id: str, report: Report) -> bytes:
    """Return the evaluation's pictures: file, label, predicted, one probability per class.

    Names that a spreadsheet would take for a formula get an apostrophe in front.
    """
    evaluation = report.evaluation
    names = {
        record.digest: record.name
        for record in get_images(workspace, project_id, evaluation.digests)
    }
    text = io.StringIO()
    writer = csv.writer(text)
    classes = [without_formula(name) for name in evaluation.class_names]
    writer.writerow(["file", "label", "predicted", *classes])
    for digest, label, predicted, probabilities in zip(
        evaluation.digests,
        evaluation.labels,
        evaluation.predicted,
        evaluation.probabilities,
        strict=True,
    ):
        file = without_formula(names.get(digest, digest))
        numbers = (f"{value:.6f}" for value in probabilities)
        writer.writerow([file, classes[label], classes[predicted], *numbers])
    return text.getvalue().encode()


def health_json(found: Health, seconds: Mapping[str, float]) -> bytes:
    """Return the findings, each with the names of its pictures, the most severe first."""
    facts = [
        {
            "kind": one.kind,
            "about": one.about or None,
            "severity": one.severity,
            "points": one.points,
            "message": one.message,
            "classes": one.classes,
            "pictures": [picture.file for picture in one.pictures],
        }
        for one in found.findings
    ]
    whole = {"findings": facts, "pictures": len(found.suspects), "seconds": seconds}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def suspects_csv(found: Health) -> bytes:
    """Return every picture that is not of the test part: file, label, suggested, score."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "label", "suggested", "score"])
    for one in found.suspects:
        if one.split != TEST:
            names = (without_formula(name or "") for name in (one.file, one.label, one.suggested))
            writer.writerow([*names, f"{one.score:.6f}"])
    return text.getvalue().encode()


def clusters_json(rows: Sequence[PictureRow], found: "Clusters") -> dict:
    """Return what is known of groups of pictures; `ami` compares them with the labels there are."""
    from tl_core.approaches.clustering import compare_with_classes

    facts = {
        "pictures": len(rows),
        "clusters": len(found.typical),
        "proposed": found.proposed,
        "sizes": [len(members) for members in found.typical],
        "silhouettes": found.silhouettes,
        "typical": [[rows[row].name for row in members[:5]] for members in found.typical],
        "ami": None,
    }
    names = sorted({row.class_name for row in rows if row.class_name})
    if len(names) > 1:
        labelled = [index for index, row in enumerate(rows) if row.class_name]
        labels = np.array([names.index(rows[index].class_name) for index in labelled])
        against = compare_with_classes(labels, found.group_of[labelled], names)
        facts["ami"] = against.agreement
        facts["classes_that_may_be_one"] = against.mixed
        facts["classes_that_may_be_two"] = against.divided
    return facts


def assignments_csv(rows: Sequence[PictureRow], found: "Clusters") -> bytes:
    """Return the group of each picture, 1 for the largest: file, cluster."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "cluster"])
    for row, group in zip(rows, found.group_of, strict=True):
        writer.writerow([without_formula(row.name), group + 1])
    return text.getvalue().encode()
