"""Bytes to pictures: every format and colour mode, and everything that is not a picture."""

import builtins
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, photograph
from PIL import Image, features

from tl_core.errors import ImageFileError
from tl_core.images import MAX_PIXELS, examine, read_picture, thumbnail_bytes

DATA = os.environ.get("TL_DATA")
RED_AND_BLUE = Image.new("RGB", (20, 10), (200, 30, 30))
RED_AND_BLUE.paste((30, 30, 200), (10, 0, 20, 10))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(read_picture(data)).astype(int)


@pytest.mark.parametrize(
    ("kind", "extension"),
    [
        *(("PNG", "png"), ("BMP", "bmp"), ("TIFF", "tif"), ("GIF", "gif"), ("JPEG", "jpg")),
        *(("WEBP", "webp"), ("PPM", "ppm")),
    ],
)
def test_every_common_format_is_read(kind: str, extension: str) -> None:
    data = encoded(RED_AND_BLUE, kind)
    facts = examine(data)[0]
    assert (facts.extension, facts.width, facts.height) == (extension, 20, 10)
    found = pixels(data)
    assert np.abs(found[5, 2] - (200, 30, 30)).max() < 30
    assert np.abs(found[5, 17] - (30, 30, 200)).max() < 30


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("CMYK", "JPEG"), ("P", "PNG"), ("1", "PNG"), ("L", "PNG"), ("RGBA", "PNG")),
        *(("LA", "PNG"), ("CMYK", "TIFF"), ("P", "GIF"), ("LAB", "TIFF"), ("YCbCr", "TIFF")),
        *(("I;16", "PNG"), ("I;16", "TIFF"), ("I", "TIFF"), ("F", "TIFF"), ("RGBA", "WEBP")),
    ],
)
def test_every_colour_mode_becomes_eight_bit_rgb(mode: str, kind: str) -> None:
    grey = Image.linear_gradient("L").resize((32, 32))  # black at the top, white at the bottom
    if mode in ("I;16", "I", "F"):
        values = np.asarray(grey).astype(np.float64)
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        scale = 1 / 255 if mode == "F" else 257
        image = Image.fromarray((values * scale).astype(dtype))
    else:
        image = (grey if mode == "LA" else grey.convert("RGB")).convert(mode)
    picture = read_picture(encoded(image, kind))
    found = np.asarray(picture).astype(int)
    assert (picture.mode, found.dtype.itemsize, picture.size) == ("RGB", 8, (32, 32))
    assert found[:3].mean() < 60 and found[-3:].mean() > 195


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert pixels(encoded(Image.fromarray(values)))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_twelve_bit_cameras_are_not_black() -> None:
    values = np.array([[0, 2048, 4095]], dtype=np.uint16)
    assert pixels(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


def test_floating_point_outside_any_range_is_stretched() -> None:
    values = np.array([[-2.0, 0.0, 2.0, np.nan]], dtype=np.float32)
    assert pixels(encoded(Image.fromarray(values), "TIFF"))[0, :3, 0].tolist() == [0, 128, 255]


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    palette = clear.quantize()
    assert palette.mode == "P"
    assert pixels(encoded(clear)).min() == 255
    assert np.abs(pixels(encoded(half)) - 127).max() <= 1
    assert pixels(encoded(palette)).min() == 255


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, blue = pixels(data)[4, 4]
        assert red > 200 and green < 60 and blue < 60, kind


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("shortest", [None, 4])
def test_phone_photos_come_out_upright(orientation: int, kind: str, shortest: int | None) -> None:
    """The corner that is marked in the upright picture must end at the top left."""
    upright = Image.new("RGB", (64, 32), "black")
    upright.paste("white", (0, 0, 16, 16))
    stored_by_camera = {  # the inverse of what a viewer has to do
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turn = stored_by_camera.get(orientation)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow was built without AVIF")
    data = encoded(stored, kind, exif=exif, quality=95)
    facts = examine(data)[0]
    assert (facts.width, facts.height) == (64, 32)
    picture = read_picture(data, shortest=shortest)
    assert picture.width == 2 * picture.height
    values = np.asarray(picture.convert("L"))
    assert values[1, 1] > 200 and values[1, -2] < 60 and values[-2, 1] < 60


def test_damaged_exif_is_no_reason_to_refuse() -> None:
    data = photograph(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xffgarbage")
    assert read_picture(data).size == (64, 48)


@given(st.integers(64, 700), st.integers(64, 700), st.integers(8, 300))
@settings(max_examples=25, deadline=None)
def test_draft_decoding_leaves_twice_the_pixels_needed(
    width: int, height: int, shortest: int
) -> None:
    data = encoded(Image.new("RGB", (width, height), "teal"), "JPEG")
    picture = read_picture(data, shortest=shortest)
    assert picture.size == (width, height) or min(picture.size) >= 2 * shortest


def test_draft_decoding_is_used_for_large_photographs() -> None:
    data = encoded(Image.new("RGB", (1600, 1200)), "JPEG")
    assert read_picture(data, shortest=140).size == (400, 300)
    assert examine(data)[0].width == 1600


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"just some text, called .jpg", "not a picture"),
        (photograph()[:1500], "truncated"),
        (encoded(RED_AND_BLUE)[:60], "truncated|damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"GIF89a" + b"\xff" * 40, "damaged|truncated|not a picture|pixels"),
    ],
)
def test_what_is_no_picture_gets_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(ImageFileError, match=says):
        read_picture(data)
    with pytest.raises(ImageFileError, match=says):
        read_picture(data, shortest=16)
    with pytest.raises(ImageFileError, match=says):
        examine(data)


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says it is huge."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)


@pytest.mark.parametrize("size", [(8000, 8000), (30000, 30000), (MAX_PIXELS, 2)])
def test_a_decompression_bomb_is_refused_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(ImageFileError, match="50 million pixels"):
        examine(bomb(*size))


@pytest.mark.parametrize("size", [(1, 1), (10000, 2), (2, 10000), (1, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_extreme_shapes_are_read_and_get_a_thumbnail(size: tuple[int, int], kind: str) -> None:
    facts, thumbnail = examine(encoded(Image.new("RGB", size, "red"), kind))
    assert (facts.width, facts.height) == size
    with Image.open(BytesIO(thumbnail)) as small:
        assert small.format == "WEBP" and min(small.size) >= 1 and max(small.size) <= 160


def test_thumbnails_keep_the_shape_and_the_original() -> None:
    image = Image.new("RGB", (400, 200), "red")
    with Image.open(BytesIO(thumbnail_bytes(image, side=100))) as small:
        assert small.size == (100, 50)
    assert image.size == (400, 200)


def test_heic_is_read_out_of_the_box() -> None:
    out = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 30))).save(out)
    assert examine(out.getvalue())[0].extension == "heic"
    assert np.abs(pixels(out.getvalue())[20, 20] - (200, 30, 30)).max() < 20


def test_heic_without_the_plug_in_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "pillow_heif":
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ImageFileError, match=r"HEIC pictures are not supported here\. Save them as JPEG"
    ):
        read_picture(b"\x00\x00\x00\x18ftypheic" + bytes(60))


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="Add the picture again"):
        read_picture(tmp_path / "gone.jpg")


@given(st.binary(max_size=300), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_damaged_bytes_never_fail_with_anything_but_a_sentence(noise: bytes, which: int) -> None:
    kind = ("PNG", "GIF", "TIFF", "WEBP")[which]
    whole = encoded(RED_AND_BLUE, kind)
    damaged = whole[: 12 + len(noise) % 40] + noise + whole[40:]
    try:
        assert read_picture(damaged).mode == "RGB"
    except ImageFileError as error:
        assert str(error)


@pytest.mark.skipif(not DATA, reason="TL_DATA is not set")
def test_real_folders_are_read_without_loss() -> None:
    from tl_core.images import SourceFile, folder_files

    sample = [one for one in folder_files(Path(DATA)) if isinstance(one, SourceFile)][::40]
    assert len(sample) > 50
    for offered in sample:
        examine(offered.read())
