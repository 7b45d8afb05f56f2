"""EDGE files: a folder of policies -> policies, or every fault with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.policies.evaluate import compile_policy
from mcop_core.policies.models import Language, Policy


def read_policies(folder: Path) -> tuple[Policy, ...]:
    """
    Read `*.rego` and `*.cel` of *folder*, not of the folders in it.

    Returns:
        The policies by name, each of which compiles; none if there is no such folder.

    Raises:
        InvalidDocuments: A policy is broken or no UTF-8 text, or two have one name; every fault of all of them.
    """
    files = sorted(path for language in Language for path in folder.glob(f"*.{language}"))
    faults = [*_same_names(files), *(fault for path in files for fault in _faults(path))]
    if faults:
        raise InvalidDocuments.of(faults)
    return tuple(sorted(map(_read, files), key=lambda policy: policy.name))


def _read(path: Path) -> Policy:
    return Policy(path.stem, Language(path.suffix[1:]), path.read_text(encoding="utf-8"))


def _faults(path: Path) -> tuple[Fault, ...]:
    try:
        compile_policy(_read(path))
    except InvalidDocuments as error:
        return tuple(replace(fault, file=str(path)) for fault in error.faults)
    except UnicodeDecodeError as error:
        return (Fault(f"this is no UTF-8 text: {error}", file=str(path)),)
    return ()


def _same_names(files: Iterable[Path]) -> Iterator[Fault]:
    first: dict[str, Path] = {}
    for path in files:
        other = first.setdefault(path.stem, path)
        if other != path:
            yield Fault(f"{other.name} is called so too", where=path.stem, file=str(path))
