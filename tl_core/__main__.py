"""Train, assess, check, cluster, predict and export without a browser, with the app's engine.

python -m tl_core train TRAIN_DIR --test TEST_DIR --report out.json
python -m tl_core assess DIR --report out.json
python -m tl_core check DIR --report out.json --suspects out.csv
python -m tl_core cluster DIR --assignments out.csv
python -m tl_core predict RUN PICTURE FOLDER ARCHIVE.zip
python -m tl_core export RUN OUT_DIR
"""

import os
import sys

from tl_core.errors import TLCoreError
from tl_core.runs.processes import cores, environment
from tl_core.service.headless.commands import COMMANDS
from tl_core.service.headless.options import parser
from tl_core.service.headless.terminal import say

TROUBLE = 2  # exit code for what the caller can fix


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    offline = not getattr(options, "download", False)
    os.environ.update(environment(threads=cores(), offline=offline))  # before torch is imported
    try:
        COMMANDS[options.command](options)
    except TLCoreError as error:
        say(f"error: {error}")
        return TROUBLE
    except KeyboardInterrupt:
        say("aborted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
