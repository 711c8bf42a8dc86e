"""Image sets to try the app with.

leaves    leaves of several trees, drawn by a program
surfaces  metal and fabric, with and without a defect, drawn by a program
offered   all sets on offer: drawn, from a package, or to download
"""

from tl_core.images.samples.offered import (
    DOWNLOADED_PER_CLASS,
    SAMPLES,
    SampleSet,
    sample_files,
    sample_of,
    sample_set,
    unseen_file,
)

__all__ = [
    "DOWNLOADED_PER_CLASS",
    "SAMPLES",
    "SampleSet",
    "sample_files",
    "sample_of",
    "sample_set",
    "unseen_file",
]
