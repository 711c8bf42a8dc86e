"""Spares every click the search for garbage among modules.

Streamlit collects garbage after each script run. The modules that are loaded never become
garbage, but looking through them costs most of a click (measured: 60 to 140 ms). What is alive
when new modules have come is therefore set aside once, for the whole process.
"""

import gc
import sys
import threading

NOTEWORTHY = 40  # newly loaded modules that make setting aside worth its own collection

_lock = threading.Lock()
_set_aside = [0]  # how many modules there were the last time; shared by all sessions


def spare_modules() -> None:
    """Set aside what is loaded, if that is much more than at the last call."""
    with _lock:
        if len(sys.modules) - _set_aside[0] < NOTEWORTHY:
            return
        _set_aside[0] = len(sys.modules)
        gc.collect()
        gc.freeze()
