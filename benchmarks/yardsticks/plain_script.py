"""What a person would write in an afternoon: the yardstick for `speed`.

Eager float32 extraction, one picture at a time, through timm's own transform; then scikit-learn's
logistic regression on standardised features. Prints one JSON line: seconds of work (imports not
counted) and accuracy.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timm.data import create_transform, resolve_model_data_config

from tl_core.backbones import create_backbone
from tl_core.runs.catalogue import BUNDLED, find


def pictures(folder: Path) -> tuple[list[Path], list[str]]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return files, [path.parent.name for path in files]


@torch.no_grad()
def features(model: torch.nn.Module, transform, files: list[Path]) -> np.ndarray:
    rows = [model(transform(Image.open(path).convert("RGB"))[None])[0].numpy() for path in files]
    return np.stack(rows)


def main(train_dir: Path, test_dir: Path) -> None:
    start = time.perf_counter()
    model = create_backbone(find(BUNDLED))
    transform = create_transform(**resolve_model_data_config(model))
    train_files, train_labels = pictures(train_dir)
    test_files, test_labels = pictures(test_dir)
    train_features = features(model, transform, train_files)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(train_features, train_labels)
    accuracy = classifier.score(features(model, transform, test_files), test_labels)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": round(seconds, 3), "accuracy": round(accuracy, 4)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
