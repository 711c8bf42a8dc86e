"""Bytes to verified pictures, and where bytes come from: folders, ZIP files, uploads.

pictures.py   decode safely, upright, in RGB; thumbnails; what a file turns out to be
sources.py    files with the class and split that their path says; what is skipped and why
archives.py   ZIP files from strangers
"""

from tl_core.imagefiles.archives import zip_files
from tl_core.imagefiles.pictures import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    PictureFacts,
    examine,
    read_picture,
    thumbnail_bytes,
    verify,
)
from tl_core.imagefiles.sources import (
    PICTURE_EXTENSIONS,
    Skipped,
    SourceFile,
    folder_files,
    uploaded_files,
)

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "PICTURE_EXTENSIONS",
    "PictureFacts",
    "Skipped",
    "SourceFile",
    "examine",
    "folder_files",
    "read_picture",
    "thumbnail_bytes",
    "uploaded_files",
    "verify",
    "zip_files",
]
