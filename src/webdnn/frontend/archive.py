"""Zip archives read with distrust: members come into memory, one by one, and never to the disk.

Only the child process of `isolation.py` runs this.
"""

from __future__ import annotations

import zipfile

from webdnn.frontend.budget import Budget
from webdnn.graph.errors import ModelError

METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
MOST_MEMBERS = 10_000
_ENCRYPTED = 0x1


def members(archive: zipfile.ZipFile) -> set[str]:
    """The names in an archive. Raises ModelError where one stands twice, since readers then disagree which of the two counts."""
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise ModelError(f"it has more than {MOST_MEMBERS:,} members")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ModelError(f"it has two members of the name {twice[0]!r}")
    return set(names)


def read_member(archive: zipfile.ZipFile, name: str, budget: Budget, limit: int | None = None) -> bytes:
    """The bytes of a member; `limit` is what is sensible for its kind. Raises ModelError for what is refused."""
    info = archive.getinfo(name)
    if info.flag_bits & _ENCRYPTED:
        raise ModelError(f"{name!r} in it is encrypted; unpack it with its password and save the model again")
    if info.compress_type not in METHODS:
        raise ModelError(
            f"{name!r} in it is compressed by the method {info.compress_type}; {' and '.join(METHODS.values())} members can be read"
        )
    if limit is not None and info.file_size > limit:
        raise ModelError(f"{name!r} in it has {info.file_size:,} bytes; at most {limit:,} are read")
    budget.take(info.file_size, f"{name!r} in it")
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)  # what the header says need not be true
    if len(content) != info.file_size:
        raise ModelError(f"{name!r} in it has another size than the archive says")
    return content
