"""
EDGE disk: the packages of providers that are installed where Terraform works, and what is noted of each.

Hashing a large one takes 0.4 CPU s, and its provider 0.4 to say what its types are, with the same outcome each time.
Both are noted in a folder that nobody else may write to. A note's name is a digest of the path, inode, size and times
of every file of the package: who changes a file cannot set back the time of that change (ctime). Of a package that
changed just now nothing is noted, for it may change again before the clock does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.providers import Locked

_SETTLED_S = 2.0
"""A file that is older is not changed again without another time; the coarsest file systems count in these."""
_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class PackageNote:
    """A file of something that was found out, under its digest: one that was cut off or damaged is none."""

    path: Path

    def read(self) -> bytes | None:
        """Return what is noted, or None."""
        with suppress(OSError):
            data = self.path.read_bytes()
            if hashlib.sha256(data[_DIGEST_SIZE:]).digest() == data[:_DIGEST_SIZE]:
                return data[_DIGEST_SIZE:]
        return None

    def write(self, found: bytes) -> None:
        """Note *found*; where nothing can be written it is found out again."""
        with suppress(OSError), tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".new-") as folder:
            new = Path(folder, self.path.name)
            new.write_bytes(hashlib.sha256(found).digest() + found)
            new.replace(self.path)


@dataclass(frozen=True, slots=True)
class Package:
    """
    An installed package whose files are those that were locked.

    Attributes:
        program: The provider's.
        types: Where it is noted what it says of its types; None: nothing may be noted of it.
    """

    program: Path
    types: PackageNote | None


def locked_package(directory: Path, address: str, lock: Locked, notes: Path) -> Package | None:
    """
    Return the package of a provider that is installed in *directory*; None unless it is what was locked.

    Args:
        notes: A folder that only this user may write to.
    """
    for package in (directory / PACKAGES / address / lock.version).glob("*"):
        root = package.resolve()
        programs = sorted(root.glob("terraform-provider-*"))
        its_checksum, its_types = _notes_of(root, notes)
        if len(programs) == 1 and _checksum(root, its_checksum) in lock.hashes:
            return Package(programs[0], its_types)
    return None


def _notes_of(root: Path, notes: Path) -> tuple[PackageNote | None, PackageNote | None]:
    """Return the notes of checksum and types of the package at *root* as it is now; None if it just changed."""
    found = [(name, (root / name).stat()) for name in _names(root)]
    if any(status.st_ctime > time.time() - _SETTLED_S for _, status in found):
        return None, None
    seen = [
        (name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for name, status in found
    ]
    digest = hashlib.sha256(json.dumps([str(root), seen]).encode()).hexdigest()[:32]
    return PackageNote(notes / f"{digest}.checksum"), PackageNote(notes / f"{digest}.types")


def _checksum(root: Path, note: PackageNote | None) -> str:
    """Return the checksum of the package at *root*, as a lock file holds it, and note it."""
    noted = note.read() if note else None
    if noted is not None:
        return noted.decode()
    found = checksum(root)
    if note:
        note.write(found.encode())
    return found


def checksum(root: Path) -> str:
    """
    Return the checksum of all files below *root*.

    Source: pkg.go.dev/golang.org/x/mod/sumdb/dirhash, Hash1.
    """
    listed = "".join(f"{_sha256(root / name)}  {name}\n" for name in _names(root))
    return f"h1:{base64.b64encode(hashlib.sha256(listed.encode()).digest()).decode()}"


def _names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
