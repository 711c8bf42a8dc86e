"""Stands in for `tl_core.service.compute` as the process at the other end of a `ComputeLink`."""

import os
import time
from multiprocessing.connection import Client

from tl_core.errors import DatasetError
from tl_core.runs.compute_client import ADDRESS_VARIABLE, KEY_VARIABLE


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
    key = bytes.fromhex(os.environ[KEY_VARIABLE])
    with Client(os.environ[ADDRESS_VARIABLE], authkey=key) as connection:
        while True:
            try:
                name, args, _kwargs = connection.recv()
            except EOFError:
                return
            connection.send(answer(name, *args))


if __name__ == "__main__":
    main()
