"""What is wanted, what the state notes and what lies in the store -> what will be done, for preview and apply. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.changes import (
    Action,
    AttributeChange,
    ComponentChanges,
    Drift,
    Mode,
    OutputChange,
    ResourceChange,
)
from mcop_core.engines.state import StateFile
from mcop_core.errors import Refused
from mcop_engine_files.document import ADDRESS, INPUT, FilesDocument, fill, inputs_in, to_bytes

TYPE = "stored_file"
_PROVIDER = 'provider["mcop.engines/mcop-engine-files/files"]'
Found = Mapping[str, bytes | None]
"""Place -> what lies there; None: nothing. A place is `<store url>#<key>`."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """
    One file.

    Attributes:
        data: What is to lie there; None: only a run will know.
        is_sensitive: Whether an input that is sensitive stands in it.
    """

    data: bytes | None
    is_sensitive: bool


@dataclass(frozen=True, slots=True)
class WantedOutput:
    """One output: its JSON value, whether it is sensitive, and whether only a run will know it; then it is None."""

    value: Any
    is_sensitive: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a component is to be: place -> file, and output -> its value."""

    files: Mapping[str, WantedFile]
    outputs: Mapping[str, WantedOutput]


@dataclass(frozen=True, slots=True)
class Noted:
    """
    What the state says of a file of ours.

    Attributes:
        sha256: Of what was written, in hex; empty from the time it is claimed until it is written.
        is_sensitive: As it was when it was written.
    """

    sha256: str
    is_sensitive: bool


def want(
    document: FilesDocument,
    place: str,
    values: Mapping[str, Any],
    *,
    sealed: frozenset[str],
    is_open: frozenset[str] = frozenset(),
) -> Wanted:
    """
    Return what *document* asks for.

    Args:
        place: What stands before the name of each file: `<store url>#<folder>/`.
        values: Input -> JSON value.
        sealed: The inputs whose values are sensitive.
        is_open: The inputs whose values only a run will know.
    """
    given = {(INPUT, name): value for name, value in values.items()}
    given |= {(ADDRESS, name): place + name for name in document.files}
    secret = sealed | {name for name, one in document.inputs.items() if one.sensitive}
    files, outputs = {}, {}
    for name, content in document.files.items():
        data = None if inputs_in(content) & is_open else to_bytes(fill(content, given))
        files[place + name] = WantedFile(data, bool(inputs_in(content) & secret))
    for name, output in document.outputs.items():
        is_unknown = bool(inputs_in(output.value) & is_open)
        value = None if is_unknown else fill(output.value, given)
        outputs[name] = WantedOutput(value, output.sensitive or bool(inputs_in(output.value) & secret), is_unknown)
    return Wanted(files, outputs)


def check_owner(wanted: Wanted, noted: Mapping[str, Noted], found: Found) -> None:
    """
    Refuse to write over what is somebody else's.

    Raises:
        Refused: A file lies where one is to be created; names all of them.
    """
    others = sorted(place for place in wanted.files if found[place] is not None and place not in noted)
    if others:
        raise Refused(f"{', '.join(others)}: MCOP did not write what lies there; move it away, or take another folder")


def changes(
    step: str, wanted: Wanted, noted: Mapping[str, Noted], found: Found, base: StateFile | None
) -> ComponentChanges:
    """Return what an apply will do; *base* is the state that the component has."""
    resources = [_written(place, file, noted.get(place), found[place]) for place, file in sorted(wanted.files.items())]
    gone = [_removed(place) for place in sorted(set(noted) - set(wanted.files))]
    told = tuple(change for change in [*resources, *gone] if change is not None)
    return ComponentChanges(step, Mode.ALONE, resources=told, outputs=tuple(_outputs(wanted, base)))


def destruction(step: str, noted: Mapping[str, Noted]) -> ComponentChanges:
    """Return what a destroy will do."""
    return ComponentChanges(step, Mode.ALONE, resources=tuple(_removed(place) for place in sorted(noted)))


def address(place: str) -> str:
    """Return how people and journals name the file at *place*."""
    return f"{TYPE}.this[{json.dumps(place)}]"


def place_of(change: ResourceChange) -> str:
    """Return the place of the file that *change* is about."""
    return str(json.loads(change.address.removeprefix(f"{TYPE}.this[").removesuffix("]")))


def _written(place: str, file: WantedFile, noted: Noted | None, current: bytes | None) -> ResourceChange | None:
    if file.data is not None and file.data == current:
        return None
    action = Action.CREATE if current is None else Action.UPDATE
    attributes = tuple(_attributes(file, noted, current))
    return ResourceChange(address(place), TYPE, action, drift=_drift(noted, current), attributes=attributes)


def _removed(place: str) -> ResourceChange:
    return ResourceChange(address(place), TYPE, Action.DESTROY)


def _drift(noted: Noted | None, current: bytes | None) -> Drift | None:
    if noted is None or not noted.sha256:
        return None
    if current is None:
        return Drift.DELETED
    return None if sha256(current) == noted.sha256 else Drift.CHANGED


def _attributes(file: WantedFile, noted: Noted | None, current: bytes | None) -> Iterator[AttributeChange]:
    before = None if current is None else _read(current)
    if file.is_sensitive or (noted is not None and noted.is_sensitive):
        yield AttributeChange("content", is_sensitive=True)
    elif file.data is None:
        yield AttributeChange("content", before, is_unknown=True)
    else:
        yield from _differences("content", before, _read(file.data))


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _differences(path: str, before: Any, after: Any) -> Iterator[AttributeChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _differences(f"{path}.{name}", before.get(name), after.get(name))
    elif not _is_same(before, after):
        yield AttributeChange(path, before, after)


def _is_same(one: object, other: object) -> bool:
    return canonical_json(one) == canonical_json(other)


def _outputs(wanted: Wanted, base: StateFile | None) -> Iterator[OutputChange]:
    for name, one in sorted(wanted.outputs.items()):
        held = base.outputs.get(name, {}) if base else {}
        if one.is_open or not held or not _is_same(held["value"], one.value):
            is_hidden = one.is_sensitive or bool(held.get("sensitive"))
            before, after = (None, None) if is_hidden else (held.get("value"), one.value)
            yield OutputChange(name, before, after, is_unknown=one.is_open, is_sensitive=is_hidden)


# -- the state: Terraform's format 4, so that outputs, moves and `mcop state` are those of every engine --------


def sha256(data: bytes) -> str:
    """Return the SHA-256 of *data*, in hex."""
    return hashlib.sha256(data).hexdigest()


def noted_files(base: StateFile | None) -> dict[str, Noted]:
    """Return the files that the state *base* says are ours."""
    resources = (base.document.get("resources") or []) if base else []
    facts = [instance["attributes"] for resource in resources for instance in resource["instances"]]
    return {one["id"]: Noted(one["sha256"], one["is_sensitive"]) for one in facts}


def to_state(base: StateFile | None, noted: Mapping[str, Noted], **content: Any) -> StateFile:
    """Return the state after *base* that notes the files *noted*; *content*: its other fields, `outputs` at least."""
    instances = [
        {
            "index_key": place,
            "schema_version": 0,
            "attributes": {"id": place, "sha256": one.sha256, "is_sensitive": one.is_sensitive},
        }
        for place, one in sorted(noted.items())
    ]
    resource = {"mode": "managed", "type": TYPE, "name": "this", "provider": _PROVIDER, "instances": instances}
    return StateFile.following(base, resources=[resource] if instances else [], **content)


def written_files(wanted: Wanted) -> dict[str, Noted]:
    """Return what a state notes once every file of *wanted*, none of them open, is written."""
    return {place: Noted(sha256(file.data or b""), file.is_sensitive) for place, file in wanted.files.items()}


def noted_outputs(wanted: Wanted) -> dict[str, dict[str, Any]]:
    """Return the outputs as a state holds them."""
    return {
        name: {"value": one.value, **({"sensitive": True} if one.is_sensitive else {})}
        for name, one in wanted.outputs.items()
    }
