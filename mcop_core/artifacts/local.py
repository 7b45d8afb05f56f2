"""A folder as an `ObjectStore`: for tests, for single machines, and for reading what was written with `ls`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mcop_core.artifacts.store import StoredObject, check_key, check_prefix
from mcop_core.errors import InvalidInput, InvalidName, PreconditionFailed, StoredObjectMissing, Unreachable

_OWN = ".mcop store"
"""Folder of temporary files and locks; the space keeps it from being a key."""


class LocalStore:
    """
    One file per key, below *folder*, which is made if it is not there.

    A write is complete on disk, or not there at all: the bytes are synced, then renamed. Writers on one machine
    exclude each other per key by `flock`; a network folder without `flock` is no store. A key cannot lie below
    another key (`a` and `a/b`), since a file is no folder: `InvalidName`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        with self._answers():
            (folder / _OWN).mkdir(parents=True, exist_ok=True, mode=0o700)

    @classmethod
    def open(cls, url: str) -> LocalStore:
        """
        Return the store of the folder in *url*, `file:///folder`.

        Raises:
            InvalidInput: *url* is of another form, or the folder is not absolute.
        """
        parts = urlsplit(url)
        folder = Path(unquote(parts.path))
        if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment or ".." in folder.parts:
            raise InvalidInput(f"{url!r} is no folder: write file:///folder")
        return cls(folder)

    def get(self, key: str) -> StoredObject:
        """Return what lies under *key*; see `ObjectStore.get`."""
        data = self._read(self._path(key))
        if data is None:
            raise StoredObjectMissing(f"{self.url} has no {key}", key=key)
        return StoredObject(data, _etag(data))

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Write *data* whole and return its etag; see `ObjectStore.put`."""
        path = self._path(key)
        with self._answers(), self._temporary(data) as temporary, self._only_writer(key):
            if if_absent or if_match is not None:
                self._check(key, path, None if if_absent else if_match)
            self._make_folder(path.parent, key)
            self._replace(temporary, path, key)
        return _etag(data)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove *key*; see `ObjectStore.delete`."""
        path = self._path(key)
        with self._answers(), self._only_writer(key):
            if self._read(path) is None:
                return
            if if_match is not None:
                self._check(key, path, if_match)
            path.unlink()
            _sync(path.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key that starts with *prefix*, sorted by its characters."""
        check_prefix(prefix)
        start = self.folder / prefix.rpartition("/")[0]
        with self._answers():
            found = [
                (Path(folder) / name).relative_to(self.folder).as_posix()
                for folder, _, names in os.walk(start)
                if _OWN not in Path(folder).parts
                for name in names
            ]
        yield from sorted(key for key in found if key.startswith(prefix))

    def _path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def _read(self, path: Path) -> bytes | None:
        with self._answers():
            try:
                return path.read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return None

    def _check(self, key: str, path: Path, wanted: str | None) -> None:
        data = self._read(path)
        found = None if data is None else _etag(data)
        if found != wanted:
            raise PreconditionFailed(f"{self.url}, {key}: expected {wanted or 'nothing'}, found {found}", key=key)

    def _make_folder(self, folder: Path, key: str) -> None:
        missing = [part for part in (folder, *folder.parents) if not part.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidName(f"key {key!r} lies below another key of {self.url}", name=key) from error
        for part in missing:
            _sync(part.parent)

    def _replace(self, temporary: Path, path: Path, key: str) -> None:
        try:
            temporary.replace(path)
        except IsADirectoryError as error:
            raise InvalidName(f"key {key!r} has other keys of {self.url} below it", name=key) from error
        _sync(path.parent)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(dir=self.folder / _OWN)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _only_writer(self, key: str) -> Iterator[None]:
        shard = hashlib.sha256(key.encode()).hexdigest()[:2]
        descriptor = os.open(self.folder / _OWN / f"{shard}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except Unreachable:
            raise
        except OSError as error:
            raise Unreachable(f"{self.url} does not answer: {error}", service=self.url) from error


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()}"'


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
