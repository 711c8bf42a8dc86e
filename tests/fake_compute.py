"""Stands in for `tl_core.service.compute` as the process at the other end of a `ComputeLink`."""

import os
import time
from pathlib import Path
from threading import Thread

from tl_core.errors import DatasetError
from tl_core.runs.child import values_from_parent, values_to_parent


def answer(name: str, *args):
    if name == "add":
        return "answer", sum(args)
    if name == "pid":
        return "answer", os.getpid()
    if name == "sleep":
        time.sleep(args[0])
        return "answer", "awake"
    if name == "die":
        os._exit(1)
    if name == "trouble":
        return "trouble", DatasetError("Two classes are needed; add one.")
    return "mistake", "Traceback: who wrote this?"


def main() -> None:
    send = values_to_parent()
    print("what is printed goes to the log", flush=True)
    send("ready")
    for lane, number, (name, args, _kwargs) in values_from_parent():
        if name == "live_predict" and not Path(args[0]).exists():  # the next process will answer
            Path(args[0]).touch()
        elif lane:
            if name == "live_answers":
                time.sleep(args[0])
            send((number, "answer", [name, *args]), lane)
        else:
            Thread(target=lambda n=number, a=(name, *args): send((n, *answer(*a)))).start()


if __name__ == "__main__":
    main()
