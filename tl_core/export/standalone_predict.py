"""Classify pictures with model.onnx; nothing of the app is needed.

    pip install onnxruntime pillow numpy
    python predict.py picture.jpg another.png

The model resizes, crops and normalises by itself: give it upright 8-bit RGB pixels of any size.
Its second output says how unlike a picture is to those that it learnt from: the probabilities of a
picture with a score above 1 mean little. About 5 % of pictures of the right kind score above 1.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: it reports home with it
import onnxruntime


def read_pixels(path: str) -> np.ndarray:
    """Return upright RGB pixels, uint8, shape (height, width, 3), transparency laid on white."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith(("I", "F")):
        raise SystemExit(f"{path} has more than 8 bits per pixel; save it with 8 bits first.")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"))


def main(paths: list[str]) -> None:
    session = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
    texts = session.get_modelmeta().custom_metadata_map
    whole = {"question": "", "class_names": json.loads(texts["class_names"])}
    heads = json.loads(texts.get("heads", "[]")) or [whole]
    for path in paths:
        probabilities, *unlike = session.run(None, {"image": read_pixels(path)})
        print(path)
        if unlike and unlike[0] > 1:
            print(f"  unlike the pictures that the model learnt from (score {unlike[0]:.2f} > 1)")
        for head in heads:
            names, threshold = head["class_names"], head.get("threshold")
            some, probabilities = probabilities[: len(names)], probabilities[len(names) :]
            if threshold is not None:
                said = f"{names[int(some[1] >= threshold)]} (yes from {threshold:.4f} on)"
                print(f"  {head['question']}: {said}")
            elif head["question"]:
                print(f"  {head['question']}")
            for index in np.argsort(-some):
                print(f"  {some[index]:.4f}  {names[index]}")


if __name__ == "__main__":
    main(sys.argv[1:])
