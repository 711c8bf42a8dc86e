import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tl_core.backbones.preprocessing import Preprocessing, prepare
from tl_core.export.onnx_preprocessing import preprocessing_model

CROPPED = Preprocessing(56, 64, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
WHOLE = Preprocessing(61, 61, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIZES = [
    (64, 64),
    (640, 480),
    (333, 517),
    (30, 100),
    (5, 7),
    (1, 1),
    (10000, 2),
    (3, 900),
    (63, 65),
]


def _session(preprocessing: Preprocessing, opset: int = 20) -> onnxruntime.InferenceSession:
    model = preprocessing_model(preprocessing, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString())


def _assert_same(session: onnxruntime.InferenceSession, pixels, preprocessing) -> None:
    theirs = session.run(None, {"image": pixels})[0][0]
    ours = prepare(Image.fromarray(pixels), preprocessing).numpy()
    levels = np.abs(theirs - ours) * 255 * np.array(preprocessing.std)[:, None, None]
    assert levels.max() < 1.01  # one grey level, where rounding falls the other way
    assert (levels > 0.01).mean() < 0.002


@pytest.mark.parametrize("preprocessing", [CROPPED, WHOLE], ids=["cropped", "whole"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_graph_prepares_pictures_of_any_shape_as_training_does(width, height, preprocessing):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    _assert_same(_session(preprocessing), pixels, preprocessing)


_SESSION = _session(CROPPED, opset=18)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 9))
def test_the_graph_agrees_for_every_size(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    _assert_same(_SESSION, pixels, CROPPED)


def test_a_plain_colour_stays_that_colour_up_to_the_borders():
    pixels = np.full((90, 130, 3), 200, np.uint8)
    assert np.ptp(_session(CROPPED).run(None, {"image": pixels})[0]) == 0
