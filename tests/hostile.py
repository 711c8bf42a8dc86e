"""Pictures and archives that want to do harm, made on the spot, the same for the same seed."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile

from PIL import Image, ImageDraw

SIDE = 7000  # pixels; times itself it is just below what is read
_FIELDS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_KINDS = (
    *(("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"quality": 95, "subsampling": 0})),
    *(("PNG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("WEBP", {"lossless": True})),
    *(("TIFF", {"compression": one}) for one in (None, "tiff_lzw", "tiff_deflate", "jpeg")),
    *(("AVIF", {"speed": 10}), ("PPM", {}), ("JPEG2000", {})),
)


def mutated_pictures(count: int, *, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of damaged pictures, every kind in turn."""
    rng = random.Random(seed)
    whole = [(kind, _saved(_drawing(rng, mode), kind, options)) for mode, kind, options in _all()]
    for number in range(count):
        kind, data = whole[number % len(whole)]
        yield f"class {number % 2}/{number:05} {kind}.{kind.lower()[:4]}", mutated(data, rng)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to four wounds; early bytes, where sizes stand, are hit more often."""
    wounded = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = int(len(wounded) * rng.random() ** 2)
        length = rng.randint(1, 64)
        match rng.randrange(6):
            case 0:
                wounded[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                order = rng.choice("<>")
                wounded[at : at + 4] = struct.pack(f"{order}I", rng.choice(_FIELDS))
            case 2:
                del wounded[max(at, 16) :]
            case 3:
                wounded[at : at + length] = rng.randbytes(length)
            case 4:
                some = wounded[at : at + length * 16]
                wounded[at:at] = some * rng.randint(1, 50)
            case 5:
                del wounded[at : at + length]
    return bytes(wounded)


def jpeg(**options: object) -> bytes:
    return _saved(_drawing(random.Random(0), "RGB"), "JPEG", options)


def many_scans(count: int, side: int = 3000) -> bytes:
    """Return a progressive JPEG whose last scan stands there `count` times."""
    data = _saved(Image.new("RGB", (side, side), (90, 120, 40)), "JPEG", {"progressive": True})
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def png(width: int, height: int, bits: int, colours: int, rows: bytes) -> bytes:
    """Return a PNG of these numbers; `rows` is what its pixels unpack to."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def deep_png(side: int = SIDE) -> bytes:
    """Return a grey PNG of 16 bits, a few hundred kilobytes at most."""
    return png(side, side, 16, 0, bytes((1 + 2 * side) * side))


def chunked_png(chunks: int) -> bytes:
    """Return a PNG with as many empty chunks of text before its pixels."""
    whole = png(8, 8, 8, 2, bytes(25 * 8))
    return whole[:33] + _chunk(b"tEXt", b"") * chunks + whole[33:]


def striped_tiff(strips: int) -> bytes:
    """Return a TIFF that names as many strips of a pixel each."""
    places = struct.pack("<I", 8) * strips
    entries = [
        *((256, 3, 1, 1), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, strips, 16), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, strips, 16)),
    ]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    head = struct.pack("<2sHIQ", b"II", 42, 16 + len(places), 0)
    return head + places + ifd + bytes(4)


def wide_tile() -> bytes:
    """Return a TIFF of 64 x 64 pixels that stand in one packed tile of 40,000 x 40,000."""
    packed = zlib.compress(bytes(10_000))
    entries = [
        *((256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((277, 3, 1, 1), (322, 4, 1, 40_000), (323, 4, 1, 40_000)),
        *((324, 4, 1, 8), (325, 4, 1, len(packed))),
    ]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(packed)) + packed + ifd + bytes(4)


def encoded_2000(side: int) -> bytes:
    return _saved(Image.new("RGB", (side, side)), "JPEG2000", {})


def zipped(*members: tuple[str, bytes], last: int = ZIP_DEFLATED) -> bytes:
    """Return a ZIP of these files, the last of them packed by another method if one is named."""
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(members, start=1):
            archive.writestr(name, data, last if number == len(members) else None)
    return out.getvalue()


def overlapping(entries: int) -> bytes:
    """Return a ZIP of which as many entries unpack the same bytes, after one that does not."""
    data = zipped(("good/1.jpg", jpeg()), ("a/00000.bmp", bytes(2**20)))
    end = data.rfind(b"PK\5\6")
    (start,) = struct.unpack_from("<I", data, end + 16)
    directory = data[start:end]
    second = directory.find(b"PK\1\2", 4)
    same = b"".join(
        directory[second:].replace(b"00000", b"%05d" % number) for number in range(entries)
    )
    directory = directory[:second] + same
    count = 1 + entries
    sizes = (count, count, len(directory), start, 0)
    return data[:start] + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, *sizes)


def _renamed(data: bytes, name: bytes, other: bytes) -> bytes:
    """Return a ZIP with a name of one byte replaced, in both of its tables."""
    changed = bytearray(data)
    for signature, fixed in ((b"PK\3\4", 30), (b"PK\1\2", 46)):
        place = changed.rfind(signature)
        assert changed[place + fixed : place + fixed + 1] == name
        changed[place + fixed : place + fixed + 1] = other
    return bytes(changed)


def with_field(data: bytes, offset: int, value: int) -> bytes:
    """Return a ZIP with a number of its last entry replaced in the table at its end."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, changed.rfind(b"PK\1\2") + offset, value)
    return bytes(changed)


def _all() -> Iterator[tuple[str, str, dict]]:
    for kind, options in _KINDS:
        yield "RGB", kind, options
    yield from (("L", "JPEG", {}), ("P", "PNG", {}), ("RGBA", "PNG", {}), ("I;16", "PNG", {}))
    yield from (("1", "TIFF", {"compression": "group4"}), ("CMYK", "JPEG", {}), ("LA", "PNG", {}))


def _drawing(rng: random.Random, mode: str) -> Image.Image:
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        place = sorted(rng.randrange(96) for _ in range(2)), sorted(rng.randrange(64) for _ in "ab")
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.ellipse((place[0][0], place[1][0], place[0][1], place[1][1]), fill=colour)
    return image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode)


def _saved(image: Image.Image, kind: str, options: dict) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **{name: value for name, value in options.items() if value is not None})
    return out.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def hostile_archives(count: int, *, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of ZIPs: the crafted ones, then damaged ones."""
    for name, make in list(CRAFTED.items())[:count]:
        yield name, make()
    rng = random.Random(seed)
    whole = zipped(*((f"class {n % 2}/{n}.jpg", jpeg(quality=40 + n)) for n in range(6)))
    for number in range(count - len(CRAFTED)):
        yield f"damaged {number}", mutated(whole, rng)


def _good() -> tuple[str, bytes]:
    return "good/1.jpg", jpeg()


# Small files that ask for much memory or much time, by what they do.
GREEDY: dict[str, Callable[[], bytes]] = {
    "16 bits and 49 megapixels": lambda: deep_png(),
    "empty markers": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 10_000_000 + jpeg()[2:],
    "padding": lambda: b"\xff\xd8" + b"\xff" * 50_000_000 + jpeg()[2:],
    "3,000 scans": lambda: many_scans(3000),
    "100 scans": lambda: many_scans(90),
    "2 million strips": lambda: striped_tiff(2_000_000),
    "2 million chunks": lambda: chunked_png(2_000_000),
    "JPEG 2000 of 49 megapixels": lambda: encoded_2000(SIDE),
    "JPEG 2000 of 30 megapixels": lambda: encoded_2000(5500),
    "WebP of 49 megapixels": lambda: _saved(Image.new("RGBA", (SIDE, SIDE)), "WEBP", {"method": 0}),
    "TIFF of 49 megapixels": lambda: _saved(
        Image.new("F", (SIDE, SIDE), 0.5), "TIFF", {"compression": "tiff_lzw"}
    ),
    "GIF of 49 megapixels": lambda: _saved(Image.new("P", (SIDE, SIDE)), "GIF", {}),
    "a tile of 1.6 GB": lambda: wide_tile(),
    "bomb": lambda: png(30_000, 30_000, 8, 2, bytes(1000)),
}

# ZIPs by what is wrong with them; all hold a good picture, `good/1.jpg`.
CRAFTED: dict[str, Callable[[], bytes]] = {
    "an entry without a name": lambda: _renamed(zipped(_good(), ("x", b"1")), b"x", b"\0"),
    "overlapping entries": lambda: overlapping(2000),
    "false packed sizes": lambda: with_field(zipped(_good(), ("a/0.bmp", bytes(2**22))), 20, 2**31),
    "false unpacked sizes": lambda: with_field(zipped(_good(), ("a/0.bmp", bytes(2**22))), 24, 9),
    "packed by bzip2": lambda: zipped(_good(), ("a/0.bmp", bytes(2**26)), last=ZIP_BZIP2),
    "packed by LZMA": lambda: zipped(_good(), ("a/0.bmp", bytes(2**26)), last=ZIP_LZMA),
    "four deep pictures": lambda: zipped(
        _good(), *((f"a/{n}.png", deep_png(6990 + n)) for n in range(4))
    ),
    "ways out": lambda: zipped(_good(), ("../../out.jpg", jpeg()), ("/etc/out.jpg", jpeg())),
    "a ZIP inside": lambda: zipped(_good(), ("a/more.zip", zipped(_good()))),
    "200,000 entries": lambda: zipped(_good(), *((f"a/{n}", b"") for n in range(200_000))),
    "cut off": lambda: zipped(_good())[:-30],
}
