"""The whole journey in a real browser, as somebody takes it who presses what is offered."""

import subprocess
import sys

import pytest
from browsing import chromium, heading, primary_button, server, settled, visit

from tl_core.images.samples import SAMPLES, sample_files

MOST_BARS = 5  # the most probable classes of a picture
# Where on the screen a cell of the confusion matrix is.
CELL = """
([row, column]) => {
  const plot = [...document.querySelectorAll('.js-plotly-plot')]
    .find(node => node.data[0].type === 'heatmap');
  plot.scrollIntoView({block: "center"});  // not below the bar at the foot of the page
  const {xaxis, yaxis} = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return [box.x + xaxis._offset + xaxis.d2p(column), box.y + yaxis._offset + yaxis.d2p(row)];
}
"""
COUNTS = """
() => [...document.querySelectorAll('.js-plotly-plot')]
  .flatMap(node => node.data)
  .find(trace => (trace.customdata || []).length).text
"""
BARS = """
() => Object.fromEntries([...document.querySelectorAll('.tl-bars > div')].map(row => [
  row.querySelector('.tl-class').innerText.trim(),
  parseFloat(row.querySelector('.tl-track > div').style.width) / 100,
]))
"""


@pytest.fixture
def address(tmp_path):
    root = tmp_path / "workspace"
    with server(root) as address:
        yield address


def test_from_sample_images_to_a_model_that_answers_the_same_elsewhere(address, tmp_path):
    picture = next(iter(sample_files(SAMPLES[0].key)))
    with chromium() as browser, visit(browser) as page:
        page.goto(address)
        primary_button(page, "Try it with sample pictures").click()

        heading(page, "Your model")
        page.locator(".tl-number", has_text="Accuracy").get_by_text(
            f"of {SAMPLES[0].images}"
        ).wait_for()
        page.locator(".tl-live b").wait_for()
        page.get_by_role("button", name="Show it a new sample picture").click()
        page.get_by_text("Most probably").wait_for()
        page.locator(".st-key-steps").get_by_role("link", name="Images").click()

        heading(page, "Your pictures")
        page.get_by_text(f"{SAMPLES[0].images} pictures · {SAMPLES[0].classes} classes").wait_for()
        page.locator(".tile").first.wait_for()
        primary_button(page, "Next: choose layers").click()

        heading(page, "Choose how to transfer")
        primary_button(page, "Next: train").click()

        heading(page, "Train the model")
        primary_button(page, "Start training").click()
        page.locator(".tl-number", has_text="Accuracy").wait_for()
        page.get_by_text("how the classifier was chosen").click()
        page.locator("[class*=st-key-candidates] .js-plotly-plot").wait_for()
        primary_button(page, "Next: evaluation").click()

        heading(page, "Evaluate the model")
        choose_cell(page, 1, 1)
        primary_button(page, "Next: did the pretrained model help?").click()

        heading(page, "Did the pretrained model help?")
        primary_button(page, "Next: try it on new pictures").click()

        heading(page, "Try it on new pictures")
        upload = {"name": "new part.jpg", "mimeType": "image/jpeg", "buffer": picture.read()}
        page.locator("input[type=file]").set_input_files(upload)
        page.get_by_text("Most probably").wait_for()
        settled(page)
        said = page.evaluate(BARS)
        assert len(said) == MOST_BARS
        assert 0.5 < sum(said.values()) <= 1 + 1e-3
        primary_button(page, "Next: export").click()

        heading(page, "Export the model")
        primary_button(page, "Create the ONNX file").click()
        same = page.locator(".tl-number", has_text="Same answers as the app")
        same.get_by_text("Yes", exact=True).wait_for()
        for name in ("model.onnx", "predict.py"):
            with page.expect_download() as download:
                page.get_by_role("button", name=f"Download {name}").click()
            assert download.value.suggested_filename == name
            download.value.save_as(tmp_path / "elsewhere" / name)

    (tmp_path / "elsewhere" / "new.jpg").write_bytes(picture.read())
    answer = subprocess.run(
        [sys.executable, "predict.py", "new.jpg"],
        cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = answer.stdout.splitlines()
    assert lines[0] == "new.jpg"
    elsewhere = {name: float(share) for share, name in (x.split(maxsplit=1) for x in lines[1:])}
    assert {name: elsewhere.get(name, 0) for name in said} == pytest.approx(said, abs=1e-3 + 1e-4)


def choose_cell(page, row: int, column: int) -> None:
    """Click a cell of the confusion matrix and see its pictures."""
    page.locator(".js-plotly-plot").first.wait_for()
    settled(page)
    texts = page.evaluate(COUNTS)
    text = texts[row * round(len(texts) ** 0.5) + column]
    count, _, pair = text.partition(" × ")
    true, _, predicted = pair.partition(", predicted ")
    page.mouse.click(*page.evaluate(CELL, [row, column]))
    panel = page.get_by_role("dialog")
    panel.get_by_text(f"1 of {count}").wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    page.get_by_text(f"{count} labelled “{true}”, predicted “{predicted}”").wait_for()
    settled(page)
    assert page.locator(".gallery").first.locator(".tile").count() == int(count) > 0
