"""
A snapshot on disk: one small DAG file per manifest, and its plan beside it.

    <folder>/dags/<manifest>.py      builds the DAGs from the plan, or raises why there are none
    <folder>/plans/<manifest>.json   the plan's canonical JSON
    <folder>/index.json              manifest -> digest of its plan, or why it has none; written last

A folder appears whole: it is written under another name and renamed. Nobody changes it afterwards.

What a manifest has in common with the folder that was shown before is linked and not written again, and so keeps its
time: Airflow parses at once what is newer than its last look, and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.errors import NotFound, Tampered
from mcop_core.refs import check_name

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore

EMPTY = "empty"
"""Name of the folder that is shown while the catalog has no snapshot."""

DAGS = "dags"
PLANS = "plans"
INDEX = "index.json"
_AT_ONCE = 16

_DAG_FILE = '''"""The airflow dags of manifest {name}, built by MCOP from the plan beside this file."""

from pathlib import Path

from mcop_airflow.dag_factory import build_dags_from_file

globals().update(build_dags_from_file(Path(__file__).parent.parent / "plans" / "{name}.json"))
'''
_BROKEN_FILE = '''"""The airflow dag of manifest {name} cannot be built; the error below says why."""

from mcop_core.errors import InvalidInput

raise InvalidInput({message!r})
'''


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """
    What a snapshot's folder holds.

    Attributes:
        plans: Manifest -> digest and canonical JSON of its plan.
        broken: Manifest -> why it has no plan.
    """

    plans: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


def read_snapshot(store: ObjectStore, digest: str, kept: Mapping[str, Path]) -> SnapshotFiles:
    """
    Read the snapshot with this digest, and all its plans.

    Args:
        kept: Digest -> file of plans that lie on this machine already; the others are read from the store.

    Raises:
        StoredObjectMissing, Tampered, Unreachable: As `load_snapshot`.
    """
    # Imported here: it brings the compiler, and a task, whose snapshot lies here already, reads none.
    from mcop_core.compiler.snapshot import load_snapshot

    entries = load_snapshot(store, digest).manifests
    digests = {name: entry.plan for name, entry in entries.items() if entry.plan}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        plans = pool.map(lambda plan: _read_plan(store, plan, kept.get(plan)), digests.values())
        found = dict(zip(digests, zip(digests.values(), plans, strict=True), strict=True))
    return SnapshotFiles(found, {name: entry.error for name, entry in entries.items() if not entry.plan})


def _read_plan(store: ObjectStore, digest: str, kept: Path | None) -> bytes:
    if kept is not None and sha256(data := kept.read_bytes()).hexdigest() == digest:
        return data
    from mcop_core.compiler.snapshot import plan_key

    data = store.get(plan_key(digest)).data
    found = sha256(data).hexdigest()
    if found != digest:
        raise Tampered(f"plan {digest} has the digest {found}", expected=digest, found=found)
    return data


def kept_plans(folder: Path) -> dict[str, Path]:
    """Return digest -> file of every plan in *folder*; none if it holds no whole snapshot."""
    if not is_complete(folder):
        return {}
    return {digest: plan_file(folder, name) for name, digest in plan_digests(folder).items()}


def is_complete(folder: Path) -> bool:
    """Whether *folder* holds a whole snapshot."""
    return (folder / INDEX).is_file()


def write_folder(folder: Path, files: SnapshotFiles, earlier: Path | None = None) -> None:
    """
    Make *folder* hold *files*; several processes may do so at once, the first one to finish wins.

    Args:
        earlier: A snapshot's folder on the same disk, from which files of the same bytes are linked.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-", ignore_cleanup_errors=True) as scratch:
        made = Path(scratch) / folder.name
        _write_files(made, files, earlier)
        _put_in_place(made, folder)


def _write_files(folder: Path, files: SnapshotFiles, earlier: Path | None) -> None:
    for part in (DAGS, PLANS):
        (folder / part).mkdir(parents=True)
    for name, (_, plan) in files.plans.items():
        _write_pair(folder, earlier, check_name(name), plan, _DAG_FILE.format(name=name).encode())
    for name, error in files.broken.items():
        message = f"manifest {check_name(name)}: {error}"
        _write_pair(folder, earlier, name, None, _BROKEN_FILE.format(name=name, message=message).encode())
    digests = {name: digest for name, (digest, _) in files.plans.items()}
    index = {"plans": digests, "broken": dict(files.broken)}
    (folder / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True))


def _write_pair(folder: Path, earlier: Path | None, name: str, plan: bytes | None, dag: bytes) -> None:
    """Write a manifest's DAG file and its plan, or link both: a DAG file is as old as what it is built from."""
    pair = {Path(DAGS, f"{name}.py"): dag} | ({Path(PLANS, f"{name}.json"): plan} if plan is not None else {})
    is_same = earlier is not None and all(_holds(earlier / path, data) for path, data in pair.items())
    for path, data in pair.items():
        if not (earlier and is_same and _link(earlier / path, folder / path)):
            (folder / path).write_bytes(data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _link(source: Path, target: Path) -> bool:
    """Return False where the file system has no links, or no more of this file."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def touch_changed(folder: Path, earlier: Path) -> None:
    """
    Give the DAG files in *folder* of which *earlier* holds no twin the time of now.

    A folder that is shown again is older than the last look at the one between.
    """
    was, now = _index(earlier), _index(folder)
    for name in sorted({*now["plans"], *now["broken"]}):
        if any(now[part].get(name) != was[part].get(name) for part in ("plans", "broken")):
            os.utime(folder / DAGS / f"{name}.py")


def _put_in_place(made: Path, folder: Path) -> None:
    if folder.exists() and not is_complete(folder):
        shutil.rmtree(folder, ignore_errors=True)
    # A folder that holds something cannot be renamed over: another process was faster and wrote the same.
    with suppress(OSError):
        made.rename(folder)
    if not is_complete(folder):
        raise NotFound(f"the snapshot's folder {folder} could not be written")


def plan_digests(folder: Path) -> dict[str, str]:
    """Return manifest -> digest of the plan that *folder* holds for it."""
    return _index(folder)["plans"]


def broken_manifests(folder: Path) -> dict[str, str]:
    """Return manifest -> why *folder* holds no plan for it."""
    return _index(folder)["broken"]


def _index(folder: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((folder / INDEX).read_text())
    return found


def plan_file(folder: Path, manifest: str) -> Path:
    """Return where *folder* keeps the plan of *manifest*."""
    return folder / PLANS / f"{manifest}.json"
