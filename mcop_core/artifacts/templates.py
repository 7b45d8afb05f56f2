"""
A primitive's files: read from a folder, stored under `<type>/<provider>/<name>/<version>/<digest>/`, loaded by digest.

The digest in the path keeps two writers of one version apart and makes a half-written template invisible: nothing
refers to it. `mcop-files.json`, the manifest of digests, is written last.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mcop_core.artifacts.kept import kept_or_fetched
from mcop_core.artifacts.store import ObjectStore, check_key
from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import Template, TemplateFile
from mcop_core.errors import Fault, InvalidDocuments, InvalidName, StoredObjectMissing, Tampered
from mcop_core.limits import USUAL_LIMITS, Limits

FILES_MANIFEST = "mcop-files.json"
_AT_ONCE = 16
_DIGEST_LENGTH = 16

_NOT_THE_AUTHORS = frozenset({".git", "__pycache__", ".DS_Store"})
"""Left out: what tools put beside the files, and no run ever reads."""

_REFUSED = (".terraform", ".terragrunt-cache")
_REFUSED_ENDINGS = (".tfstate", ".tfstate.backup", ".tfplan")


# -- from a folder -------------------------------------------------------------------------------------


def collect_files(folder: Path, *, limits: Limits = USUAL_LIMITS) -> dict[str, bytes]:
    """
    Read every file below *folder*: path relative to it, `/`-separated, sorted -> bytes.

    `.git`, `__pycache__` and `.DS_Store` are left out.

    Raises:
        InvalidDocuments: Every fault at once: a link or another thing that is no regular file, what a run of
            Terraform leaves behind (`.terraform`, states, plans), a path that is no key, two paths that differ
            in case alone, a file or all of them over a limit, or no file.
    """
    if not folder.is_dir():
        raise InvalidDocuments.of([Fault("there is no such folder", file=str(folder))])
    found = list(_walk(folder))
    faults = [fault for path, relative in found if (fault := _fault_of(path, relative, limits))]
    faults += _twins([relative for _, relative in found], folder)
    if not found:
        faults.append(Fault("it has no file", file=str(folder)))
    if excess := limits.excess("template_files", len(found)):
        faults.append(Fault(f"it has {excess}", file=str(folder)))
    if not faults and (excess := limits.excess("template_bytes", sum(path.lstat().st_size for path, _ in found))):
        faults.append(Fault(f"its files have {excess}", file=str(folder)))
    if faults:
        raise InvalidDocuments.of(faults)
    return {relative: _read(path, limits) for path, relative in sorted(found, key=lambda item: item[1])}


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    for place, folders, names in os.walk(folder):
        entries = [Path(place) / name for name in (*folders, *names) if name not in _NOT_THE_AUTHORS]
        folders[:] = sorted(name for name in folders if name not in {*_NOT_THE_AUTHORS, *_REFUSED})
        for entry in sorted(entries):
            if entry.is_symlink() or not entry.is_dir() or entry.name in _REFUSED:
                yield entry, entry.relative_to(folder).as_posix()


def _fault_of(path: Path, relative: str, limits: Limits) -> Fault | None:
    status = path.lstat()
    if path.name in _REFUSED or path.name.endswith(_REFUSED_ENDINGS):
        return Fault("it was left by a run of Terraform and may hold secrets: remove it", file=str(path))
    if not stat.S_ISREG(status.st_mode):
        return Fault("only regular files are stored, no links", file=str(path))
    if excess := limits.excess("template_file_bytes", status.st_size):
        return Fault(f"it has {excess}", file=str(path))
    try:
        check_key(relative)
    except InvalidName as error:
        return Fault(error.message, file=str(path))
    return None


def _twins(paths: list[str], folder: Path) -> list[Fault]:
    first: dict[str, str] = {}
    twins = [(path, first.setdefault(path.lower(), path)) for path in sorted(paths)]
    return [
        Fault(f"it differs from {other} in case alone", file=str(folder / path))
        for path, other in twins
        if path != other
    ]


def _read(path: Path, limits: Limits) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limits.template_file_bytes + 1)
    if excess := limits.excess("template_file_bytes", len(data)):
        raise InvalidDocuments.of([Fault(f"it grew while it was read, to {excess}", file=str(path))])
    return data


# -- to the store and back -----------------------------------------------------------------------------


def describe_template(
    primitive_type: str, provider: str, name: str, version: str, files: Mapping[str, bytes]
) -> Template:
    """Return what `save_template` will return, without writing."""
    entries = _listed(files)
    digest = _digest(entries)
    prefix = f"{primitive_type}/{provider}/{name}/{version}/{digest[:_DIGEST_LENGTH]}"
    return Template(prefix=check_key(prefix), digest=digest, files=entries)


def template_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of the template that *files* are, whatever it is called."""
    return _digest(_listed(files))


def _listed(files: Mapping[str, bytes]) -> dict[str, TemplateFile]:
    return {
        path: TemplateFile(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for path, data in sorted(files.items())
    }


def _digest(entries: Mapping[str, TemplateFile]) -> str:
    return hashlib.sha256(_manifest(entries)).hexdigest()


def is_saved(store: ObjectStore, template: Template) -> bool:
    """Whether every file of *template* is stored: somebody has published or is publishing the same bytes."""
    try:
        return store.get(f"{template.prefix}/{FILES_MANIFEST}").data == _manifest(template.files)
    except StoredObjectMissing:
        return False


def save_template(
    store: ObjectStore, primitive_type: str, provider: str, name: str, version: str, files: Mapping[str, bytes]
) -> Template:
    """
    Store *files*, the manifest of digests last; saving the same again writes nothing.

    Nothing refers to a template before the catalog does, so a publication that fails removes what it saved
    with `delete_template`, unless `is_saved` was true before: then it belongs to somebody else.

    Raises:
        InvalidName: A path or a part of the prefix is no key.
    """
    template = describe_template(primitive_type, provider, name, version, files)
    for path in files:
        check_key(path)
    if FILES_MANIFEST in files:
        raise InvalidName(f"a file must not have the name {FILES_MANIFEST}", name=FILES_MANIFEST)
    if not is_saved(store, template):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda path: store.put(f"{template.prefix}/{path}", files[path]), files))
        store.put(f"{template.prefix}/{FILES_MANIFEST}", _manifest(template.files))
    return template


def delete_template(store: ObjectStore, template: Template) -> None:
    """Remove everything that lies under the prefix of *template*, the manifest of digests first."""
    store.delete(f"{template.prefix}/{FILES_MANIFEST}")
    for key in list(store.keys(f"{template.prefix}/")):
        store.delete(key)


def load_template(store: ObjectStore, template: Template, cache_dir: Path) -> dict[str, bytes]:
    """
    Return the files of *template*: path, sorted -> bytes, each with the digest that the template says.

    Args:
        cache_dir: Folder of file contents by digest, shared by all processes of the machine; what is damaged
            there is fetched again.

    Raises:
        Tampered: A stored file has other bytes; names it. Or the template's own digest is not that of its list.
        StoredObjectMissing: A file is gone.
        InvalidName: A path in the list is no key.
    """
    if _digest(template.files) != template.digest:
        raise Tampered(f"template {template.prefix}: its list of files has not the digest {template.digest}")
    paths = [check_key(path) for path in sorted(template.files)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(paths, pool.map(lambda path: _load_file(store, template, path, cache_dir), paths), strict=True))


def _load_file(store: ObjectStore, template: Template, path: str, cache_dir: Path) -> bytes:
    wanted, key = template.files[path].sha256, f"{template.prefix}/{path}"

    def fetch() -> bytes:
        data = store.get(key).data
        found = hashlib.sha256(data).hexdigest()
        if found != wanted:
            raise Tampered(f"{store.url}: {key} has the digest {found}, published was {wanted}", file=path, key=key)
        return data

    return kept_or_fetched(cache_dir, wanted, fetch)


def _manifest(files: Mapping[str, TemplateFile]) -> bytes:
    return canonical_json({path: entry.model_dump() for path, entry in files.items()})
