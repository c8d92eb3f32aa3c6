"""Names of files as people write them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from napari_iaunet.errors import ImageError

# One slash is left of two where the address was taken for a path already. A drive of
# Windows has one letter.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")


def local_path(text: str | os.PathLike[str]) -> Path:
    """Path of a file on this computer, with ``~`` and ``file://`` understood.

    Raises
    ------
    ImageError
        If it is an address elsewhere, such as https:// or s3://, or empty.
    """
    name = os.fspath(text)
    if not name.strip():  # as of a variable that is not set: not the current folder
        raise ImageError("The name of a file or folder is empty.")
    if not _ADDRESS.match(name) or Path(name).exists():
        return Path(name).expanduser() if name.startswith("~") else Path(name)
    scheme = name.partition(":")[0]
    if scheme.lower() == "file":
        return Path(url2pathname(urlsplit(name).path))
    address = re.sub(r":[/\\]+", "://", name, count=1)
    msg = f"Only files on this computer are read, not {address}; download it first."
    raise ImageError(msg)
