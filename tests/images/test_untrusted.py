"""Strangers' files are decoded apart: what one of them does hurts neither us nor the next one."""

import os
import signal
import threading
from pathlib import Path

import hostile
import psutil
import pytest
from patience import wait_until
from pictures import file, photograph
from projects import project_with

from tl_core.errors import ImageFileError
from tl_core.images import add_images, examine, read_picture, read_untrusted
from tl_core.images.files import decoding as decoding_module
from tl_core.images.files import decoding_process
from tl_core.images.files.untrusted import Decoders

HELD = 1_000_000_000  # bytes that a decoding process may take at most
ASKED_FOR = {
    "empty markers": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 1_000_000 + hostile.jpeg()[2:],
    "padding": b"\xff\xd8" + b"\xff" * 5_000_000 + hostile.jpeg()[2:],
    "scans": hostile.many_scans(3000, side=400),
    "strips": hostile.striped_tiff(2_000_000),
    "chunks": hostile.chunked_png(200_000),
}


def processes() -> list[psutil.Process]:
    """Return the decoding processes of this one."""
    name = Path(decoding_process.__file__).name
    found = psutil.Process().children()
    return [one for one in found if any(name in part for part in one.cmdline())]


def most_memory(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def busy() -> psutil.Process | None:
    """Return a process that has begun with a large picture."""
    return next((one for one in processes() if one.memory_info().rss > 150e6), None)


def decoding(data: bytes, decoders: Decoders) -> tuple[threading.Thread, list[ImageFileError]]:
    """Decode in a thread, until a process is in the middle of it."""
    said = []

    def work() -> None:
        try:
            decoders.picture(data)
        except ImageFileError as error:
            said.append(error)

    for process in processes():  # they keep what they took before
        process.kill()
        process.wait()
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: busy() is not None)
    return thread, said


@pytest.mark.parametrize("size", [(64, 48), (1, 3), (900, 700)])
def test_what_is_decoded_apart_is_the_same(size: tuple[int, int]) -> None:
    data = photograph(*size)
    assert Decoders().examine(data, "x" * 64) == examine(data, digest="x" * 64)
    for shortest in (None, 20):
        apart = read_untrusted(data, shortest=shortest)
        assert apart.tobytes() == read_picture(data, shortest=shortest).tobytes()
    assert read_untrusted(memoryview(data)).size == size


@pytest.mark.parametrize("data", [b"", b"text", photograph()[:1500]])
def test_the_reason_is_the_same_too(data: bytes) -> None:
    with pytest.raises(ImageFileError) as here:
        read_picture(data)
    with pytest.raises(ImageFileError) as apart:
        read_untrusted(data)
    assert str(apart.value) == str(here.value)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_more_parts_than_any_picture_needs_are_refused(name: str) -> None:
    with pytest.raises(ImageFileError, match=r"more than .*, as no ordinary picture does"):
        examine(ASKED_FOR[name])


def test_what_only_looks_like_parts_is_no_reason() -> None:
    assert examine(photograph() + b"\xff\xda" * 500)[0].width == 64  # as a film behind a photograph
    assert examine(hostile.many_scans(20, side=64))[0].width == 64
    assert examine(hostile.chunked_png(1000))[0].width == 8


def test_a_picture_that_its_decoder_would_blow_up_is_refused_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding_module, "MAX_DECODED_BYTES", 1_000_000)
    with pytest.raises(ImageFileError, match="300 x 300 pixels of 3 channels take 1 MB to decode"):
        examine(hostile.encoded_2000(300))
    assert examine(photograph(300, 300))[0].width == 300


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_deep_pictures_stay_within_the_memory() -> None:
    assert read_untrusted(hostile.deep_png()).size == (hostile.SIDE, hostile.SIDE)
    with pytest.raises(ImageFileError):
        Decoders().picture(hostile.wide_tile())
    assert read_untrusted(photograph()).size == (64, 48)
    assert 0 < max(map(most_memory, processes())) < HELD


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="needs POSIX")
@pytest.mark.parametrize(
    ("sent", "says"), [("SIGXCPU", "more than 8 seconds of a processor"), ("SIGSEGV", "broke down")]
)
def test_a_file_that_ends_its_process_is_refused_and_the_next_is_read(sent: str, says: str) -> None:
    thread, said = decoding(hostile.deep_png(), Decoders())
    os.kill(busy().pid, getattr(signal, sent))
    thread.join()
    assert says in str(said[0])
    assert read_untrusted(photograph()).size == (64, 48)


def test_stopping_ends_what_is_being_decoded() -> None:
    decoders = Decoders()
    thread, said = decoding(hostile.deep_png(), decoders)
    process = busy()
    decoders.stop()
    thread.join()
    assert len(said) == 1 and not process.is_running()
    with pytest.raises(ImageFileError):
        decoders.picture(photograph())
    assert read_untrusted(photograph()).size == (64, 48)


def test_an_import_tells_of_its_progress_beside_a_slow_file_and_can_be_stopped(workspace) -> None:
    project_id = project_with(workspace, ants=1)
    slow = [file("ants/slow.png", hostile.deep_png()), file("ants/2.png")]
    work = add_images(workspace, project_id, slow, total=2)
    assert next(work).done == 0
    work.close()
    assert busy() is None
