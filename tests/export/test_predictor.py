import io

import numpy as np
import pytest
from pictures import random_picture
from PIL import Image
from trained import CLASS_NAMES, write_tiny_run

from tl_core.errors import ImageFileError, PredictionError
from tl_core.export.predictor import Predictor, answer_pictures
from tl_core.images import Skipped, SourceFile


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_tiny_run(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    sizes = [(200, 160), (90, 300), (20, 10), (161, 160), (640, 480)]
    return [random_picture(folder / f"{i}.png", *size, seed=i) for i, size in enumerate(sizes)]


def test_probabilities_are_fractions_that_add_up_to_one(run_dir, pictures):
    found = Predictor.load(run_dir).probabilities(pictures)
    assert found.dtype == np.float32 and found.shape == (len(pictures), len(CLASS_NAMES))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found.std(axis=0).max() > 0.01  # a constant would pass every other test


def test_an_answer_does_not_depend_on_the_company(run_dir, pictures):
    predictor = Predictor.load(run_dir)
    together = predictor.probabilities(pictures)
    for i, picture in enumerate(pictures):
        assert (predictor.probabilities([picture])[0] == together[i]).all()
    assert (predictor.probabilities(pictures[::-1]) == together[::-1]).all()


def test_bytes_and_paths_and_the_model_file_itself_give_the_same(run_dir, pictures):
    from_paths = Predictor.load(run_dir).predict(pictures)
    from_bytes = Predictor.load(run_dir / "model.safetensors").predict(
        [path.read_bytes() for path in pictures]
    )
    assert from_paths == from_bytes
    assert from_paths[0].class_names == CLASS_NAMES


def test_every_answer_says_how_unlike_the_training_pictures_it_is(run_dir, pictures):
    predictor = Predictor.load(run_dir)
    scores = [found.unlike_score for found in predictor.predict(pictures)]
    assert len(set(scores)) == len(pictures) and min(scores) > 0
    assert [found.unlike for found in predictor.predict(pictures)] == [s > 1 for s in scores]


def test_a_model_saved_without_it_answers_all_the_same(tmp_path, pictures):
    write_tiny_run(tmp_path, unlike=False)
    (found,) = Predictor.load(tmp_path).predict(pictures[:1])
    assert found.unlike_score is None and not found.unlike


def test_a_photo_turned_by_its_camera_is_classified_upright(run_dir):
    upright = Image.effect_noise((200, 120), 80).convert("RGB")
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "PNG", exif=exif)
    plain = io.BytesIO()
    upright.save(plain, "PNG")
    found = Predictor.load(run_dir).probabilities([turned.getvalue(), plain.getvalue()])
    assert (found[0] == found[1]).all()


def test_bad_files_are_named_and_the_rest_goes_on(run_dir, pictures):
    def unreadable() -> bytes:
        raise PermissionError(13, "Permission denied")

    files = [
        SourceFile("good.png", pictures[0].read_bytes),
        SourceFile("text.jpg", lambda: b"not a picture"),
        Skipped("Thumbs.db", "system file"),
        SourceFile("locked.jpg", unreadable),
        SourceFile("cut.png", lambda: pictures[1].read_bytes()[:3000]),
        SourceFile("also good.png", pictures[2].read_bytes),
    ]
    answers = list(Predictor.load(run_dir).answers(files))
    assert [answer.name for answer in answers] == [file.name for file in files]
    assert [answer.prediction is not None for answer in answers] == [
        *(True, False, False, False, False, True)
    ]
    reasons = [answer.reason for answer in answers if answer.prediction is None]
    assert reasons[1] == "system file" and "Permission denied" in reasons[2]
    assert "cut off" in reasons[3]


def test_predict_raises_for_a_bad_picture(run_dir):
    with pytest.raises(ImageFileError, match="empty"):
        Predictor.load(run_dir).predict([b""])


def test_no_pictures_give_no_answers(run_dir):
    assert Predictor.load(run_dir).probabilities([]).shape == (0, len(CLASS_NAMES))


def test_uploaded_pictures_are_answered_by_name(run_dir, pictures):
    answers = answer_pictures(run_dir, [("x.png", pictures[0].read_bytes()), ("y.jpg", b"")])
    assert answers[0].prediction == Predictor.load(run_dir).predict([pictures[0]])[0]
    assert answers[1].name == "y.jpg" and "empty" in answers[1].reason


def test_a_replaced_model_is_loaded_again(tmp_path, pictures):
    data = [("x.png", pictures[0].read_bytes())]
    write_tiny_run(tmp_path)
    assert answer_pictures(tmp_path, data)[0].prediction.class_names == CLASS_NAMES
    write_tiny_run(tmp_path, class_names=("p", "q"))
    assert answer_pictures(tmp_path, data)[0].prediction.class_names == ("p", "q")


def test_a_run_without_a_model_says_so(tmp_path):
    with pytest.raises(PredictionError, match="no finished model"):
        Predictor.load(tmp_path)


def test_a_missing_path_says_what_to_name_instead(tmp_path):
    with pytest.raises(PredictionError, match="run's folder"):
        Predictor.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_a_file_that_is_no_model_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(PredictionError, match=name):
        Predictor.load(tmp_path)
