"""Looks for canaries in files and folders, as they are and in the forms that programs give to text."""

import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path


def forms(canary: str) -> list[bytes]:
    """A canary, made of letters and digits alone, looks the same in JSON, URLs and shells; these are the others."""
    text = canary.encode()
    shifted = [base64.b64encode(b"\0" * shift + text)[4 if shift else 0 : -4] for shift in range(3)]
    return [text, text[::-1], text.hex().encode(), canary.encode("utf-16-le"), *shifted]


def contents(data: bytes) -> Iterator[bytes]:
    """Yield *data*, and what is packed in it."""
    yield data
    with suppress(OSError, EOFError, zlib.error):
        yield gzip.decompress(data)
    with suppress(zlib.error):
        yield zlib.decompress(data)
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as packed:
        for name in packed.namelist():
            yield packed.read(name)


def held(data: bytes, canaries: Iterable[str]) -> set[str]:
    """Return the canaries that stand in *data*."""
    parts = [part.lower() for part in contents(data)]
    return {name for name in canaries if any(form.lower() in part for form in forms(name) for part in parts)}


def search(sinks: Mapping[str, Path], canaries: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """
    Return sink -> name of a canary -> the files that hold it.

    Args:
        sinks: Name -> a file, or a folder with everything in it.
        canaries: Name -> value.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for sink, place in sinks.items():
        found[sink] = {}
        for path in [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file()):
            standing = held(path.read_bytes(), canaries.values()) | held(str(path).encode(), canaries.values())
            for name, value in canaries.items():
                if value in standing:
                    found[sink].setdefault(name, []).append(str(path))
    return found
