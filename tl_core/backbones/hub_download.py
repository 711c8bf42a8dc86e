"""Downloads one model's weights into the Hugging Face cache, as a process of its own.

    python -m tl_core.backbones.hub_download REPOSITORY FILE [FILE ...]

takes the first of the files that the repository has, and prints JSON lines: ``{"total": bytes}``,
then ``{"path": ...}`` or ``{"error": kind, "detail": ...}`` with the kind "unreachable",
"refused", "absent" or "full". A process of its own can be ended at any moment, whatever it is
waiting for. Light: knows nothing of torch. `backbones.downloads` is its counterpart.
"""

import json
import sys

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

from tl_core.workspace.storage import is_full_disk

METADATA_SECONDS = 10.0
CHUNK = 2**18  # bytes; the client's own 10 MB look like a standstill on a slow line


def main(repository: str, *names: str) -> None:
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    try:
        for name in names:
            try:
                metadata = get_hf_file_metadata(
                    hf_hub_url(repository, name), timeout=METADATA_SECONDS
                )
            except EntryNotFoundError:
                continue
            _say(total=metadata.size or 0)
            _say(path=hf_hub_download(repository, name))
            return
        _say(error="absent", detail=", ".join(names))
    except (GatedRepoError, RepositoryNotFoundError) as error:
        _say(error="refused", detail=str(error))
    except Exception as error:  # whatever a connection can throw, in any version of the client
        full = isinstance(error, OSError) and is_full_disk(error)
        _say(error="full" if full else "unreachable", detail=f"{type(error).__name__}: {error}")


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
