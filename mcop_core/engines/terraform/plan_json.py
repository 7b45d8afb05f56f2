"""
`terraform show -json` of a plan -> changes, without anything that the plan says is sensitive. Pure.

The document holds sensitive values in clear; beside every value stand masks (`before_sensitive`, `after_sensitive`,
`after_unknown`) that are true where all below is covered, or of the value's own shape. Terraform does not mark what
a provider computes from a sensitive value, so that what holds a secret is left out, wherever it stands.

Source: developer.hashicorp.com/terraform/internals/json-format, "Change Representation".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcop_core.engines.changes import (
    Action,
    AttributeChange,
    ComponentChanges,
    Drift,
    Mode,
    OutputChange,
    ResourceChange,
)
from mcop_core.engines.mask import Mask
from mcop_core.engines.terraform.provider_block import ADDRESS_TAG
from mcop_core.errors import EngineFailed

_FORMAT = "1."
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete",): Action.DESTROY,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("read",): Action.READ,
    ("forget",): Action.FORGET,
}
_REASONS = {
    "replace_because_tainted": "an earlier apply left it unfinished (tainted)",
    "replace_because_cannot_update": "what changes cannot be changed in place",
    "replace_by_request": "its replacement was asked for",
    "replace_by_triggers": "its replace_triggered_by changed",
    "delete_because_no_resource_config": "the module does not have it any more",
    "delete_because_no_module": "its module call is gone",
    "delete_because_wrong_repetition": "count or for_each was added or removed",
    "delete_because_count_index": "count became smaller",
    "delete_because_each_key": "its key is not in for_each any more",
    "delete_because_no_move_target": "it was moved to where nothing is",
    "read_because_config_unknown": "its arguments are known after apply",
    "read_because_dependency_pending": "what it depends on changes first",
}

_PROTECTIONS = (
    "deletion_protection",
    "deletion_protection_enabled",
    "enable_deletion_protection",
    "disable_api_termination",
    "termination_protection",
)
"""Attributes by which clouds themselves refuse a destruction; Terraform's plan does not look at them."""
_SHORTEST_MARKED = 8
"""Shorter texts that are marked somewhere stand elsewhere by chance."""
_OWN_TAG = (f'tags["{ADDRESS_TAG}"]', f'tags_all["{ADDRESS_TAG}"]')

Changes = tuple[tuple[ResourceChange, ...], tuple[OutputChange, ...]]


def read_changes(
    document: Mapping[str, Any],
    modules: Mapping[str, str],
    outputs: Mapping[str, tuple[str, str]],
    secrets: Iterable[str] = (),
) -> dict[str, Changes]:
    """
    Return step -> what changes of its resources and outputs.

    Args:
        document: What `terraform show -json` printed of a plan of a merged root.
        modules: Name of a module call -> step.
        outputs: Output of the root -> (step, output).
        secrets: What the root was given; a value with one of them in it is sensitive.

    Raises:
        EngineFailed: The document is of another format.
    """
    version = str(document.get("format_version"))
    if not version.startswith(_FORMAT):
        raise EngineFailed(f"Terraform's plan is of format {version}; 1.x can be read", diagnostics=())
    resources: dict[str, list[ResourceChange]] = {step: [] for step in modules.values()}
    holds = {step: Holds(secrets) for step in modules.values()}
    for entry in document.get("resource_changes") or []:
        holds[modules[_split(entry["address"])[0]]].learn(entry["change"])
    drifted = {entry["address"]: entry["change"]["actions"] for entry in document.get("resource_drift") or []}
    for entry in document.get("resource_changes") or []:
        module, address = _split(entry["address"])
        change = _resource(entry, address, drifted.get(entry["address"], ()))
        if change is not None:
            resources[modules[module]].append(_concealed(change, holds[modules[module]]))
    changed: dict[str, list[OutputChange]] = {step: [] for step in modules.values()}
    for name, entry in sorted((document.get("output_changes") or {}).items()):
        step, output = outputs.get(name, ("", ""))
        if step and entry["actions"] != ["no-op"]:
            changed[step].append(_output(output, entry, holds[step]))
    return {step: (tuple(resources[step]), tuple(changed[step])) for step in resources}


def read_component(document: Mapping[str, Any], module: str, secrets: Iterable[str] = ()) -> ComponentChanges:
    """
    Return what changes in the root of one component, which calls *module*; as a preview would show it.

    A preview does not see the tag that names the component, so neither does this. Raises as `read_changes`.
    """
    resources, _ = read_changes(document, {module: module}, {}, secrets)[module]
    seen = (replace(one, attributes=tuple(a for a in one.attributes if a.path not in _OWN_TAG)) for one in resources)
    told = zip(resources, seen, strict=True)
    return ComponentChanges("", Mode.ALONE, resources=tuple(one for was, one in told if not _only_tagged(was, one)))


class Holds:
    """
    Says whether a secret stands somewhere in a value.

    Args:
        secrets: Looked for anywhere in a text, if they have four characters or more.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._mask = Mask(secrets)
        self._marked: set[str] = set()

    def learn(self, change: Mapping[str, Any]) -> None:
        """Remember the texts that Terraform marks as sensitive in *change*, of eight characters or more."""
        for when in ("before", "after"):
            self._marked |= set(_marked_texts(change.get(when), change.get(f"{when}_sensitive")))

    def __call__(self, value: Any) -> bool:
        """Whether one of the secrets is in *value*, or one of its texts was marked elsewhere."""
        return any(text in self._marked or self._mask(text) != text for text in _texts(value))


def _marked_texts(value: Any, mask: Any) -> Iterator[str]:
    if mask is True:
        yield from (text for text in _texts(value) if len(text) >= _SHORTEST_MARKED)
    elif isinstance(mask, Mapping | list):
        keys = mask if isinstance(mask, Mapping) else range(len(mask))
        yield from (text for key in keys for text in _marked_texts(_at(value, key), mask[key]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _texts(part))
    elif isinstance(value, str):
        yield value


def _concealed(change: ResourceChange, holds: Holds) -> ResourceChange:
    """Return *change* without the attributes' values that hold a secret, though nothing marks them."""
    hidden = (
        replace(one, before=None, after=None, is_sensitive=True) if holds(one.before) or holds(one.after) else one
        for one in change.attributes
    )
    return replace(change, attributes=tuple(hidden))


def _only_tagged(was: ResourceChange, seen: ResourceChange) -> bool:
    return was.action is Action.UPDATE and bool(was.attributes) and not seen.attributes


def _split(address: str) -> tuple[str, str]:
    """Return (module, rest) of `module.<name>.<rest>`; a name holds no dot."""
    _, module, rest = address.split(".", 2)
    return module, rest


def _resource(entry: Mapping[str, Any], address: str, drifted: Sequence[str]) -> ResourceChange | None:
    change = entry["change"]
    before = str(entry.get("previous_address") or "")
    moved_from = _split(before)[1] if before else ""
    action = _ACTIONS.get(tuple(change["actions"])) or (Action.MOVE if moved_from else None)
    if action is None:
        return None
    attributes = () if action in {Action.DESTROY, Action.FORGET, Action.MOVE} else tuple(_attributes(change))
    reason = _REASONS.get(str(entry.get("action_reason") or ""), str(entry.get("action_reason") or ""))
    address += f" (deposed {entry['deposed']})" if entry.get("deposed") else ""
    protection = _protection(change.get("before") or {}) if action in {Action.DESTROY, Action.REPLACE} else ""
    drift = Drift.DELETED if "delete" in drifted else Drift.CHANGED if "update" in drifted else None
    return ResourceChange(address, entry["type"], action, reason, moved_from, protection, drift, attributes)


def _protection(before: Mapping[str, Any]) -> str:
    return next((name for name in _PROTECTIONS if before.get(name) is True), "")


def _output(name: str, entry: Mapping[str, Any], holds: Holds) -> OutputChange:
    is_marked = _covers(entry.get("before_sensitive")) or _covers(entry.get("after_sensitive"))
    if is_marked or holds(entry.get("before")) or holds(entry.get("after")):
        return OutputChange(name, is_unknown=_covers(entry.get("after_unknown")), is_sensitive=True)
    is_unknown = _covers(entry.get("after_unknown"))
    return OutputChange(name, entry.get("before"), None if is_unknown else entry.get("after"), is_unknown)


def _covers(mask: Any) -> bool:
    """Whether *mask* is true somewhere."""
    if isinstance(mask, Mapping):
        return any(_covers(part) for part in mask.values())
    if isinstance(mask, list):
        return any(_covers(part) for part in mask)
    return mask is True


# -- attributes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """One place in a change: both values, and the masks over them."""

    path: str
    before: Any
    after: Any
    hidden_before: Any
    hidden_after: Any
    unknown: Any
    forces: tuple[tuple[Any, ...], ...]


def _attributes(change: Mapping[str, Any]) -> Iterator[AttributeChange]:
    place = _Place(
        "",
        change.get("before"),
        change.get("after"),
        change.get("before_sensitive"),
        change.get("after_sensitive"),
        change.get("after_unknown"),
        tuple(tuple(path) for path in change.get("replace_paths") or ()),
    )
    return _differences(place)


def _differences(place: _Place) -> Iterator[AttributeChange]:
    if place.hidden_before is True or place.hidden_after is True:
        if place.unknown is True or place.before != place.after or _covers(place.unknown):
            yield AttributeChange(
                place.path, is_unknown=place.unknown is True, is_sensitive=True, forces_replacement=_forces(place)
            )
        return
    if place.unknown is True:
        yield from _leaf(place)
        return
    keys = _keys(place)
    if keys is None:
        if place.before != place.after or _covers(place.unknown):
            yield from _leaf(place)
        return
    for key in keys:
        yield from _differences(_below(place, key))


def _leaf(place: _Place) -> Iterator[AttributeChange]:
    """Yield the change of a whole value; what is masked somewhere inside is left out of it."""
    is_hidden = _covers(place.hidden_before) or _covers(place.hidden_after)
    is_unknown = place.unknown is True
    yield AttributeChange(
        place.path,
        None if is_hidden else place.before,
        None if is_hidden or is_unknown else place.after,
        is_unknown,
        is_hidden,
        _forces(place),
    )


def _forces(place: _Place) -> bool:
    return () in place.forces


def _keys(place: _Place) -> Sequence[Any] | None:
    """Return the keys to descend by; None where the value is one, or where two are of different shapes."""
    values = [value for value in (place.before, place.after) if value is not None]
    masks = (place.unknown, place.hidden_after, place.hidden_before)
    if not all(isinstance(value, Mapping) for value in values) and not all(isinstance(value, list) for value in values):
        return None
    shapes = [*values, *(mask for mask in masks if isinstance(mask, Mapping | list))]
    if any(isinstance(shape, Mapping) for shape in shapes):
        return sorted({key for shape in shapes if isinstance(shape, Mapping) for key in shape}) or None
    longest = max((len(shape) for shape in shapes if isinstance(shape, list)), default=0)
    return range(longest) if longest else None


def _below(place: _Place, key: Any) -> _Place:
    return _Place(
        _path(place.path, key),
        _at(place.before, key),
        _at(place.after, key),
        _mask_at(place.hidden_before, key),
        _mask_at(place.hidden_after, key),
        _mask_at(place.unknown, key),
        tuple(_rest(place.forces, key)),
    )


def _path(path: str, key: Any) -> str:
    """Return the path of *key* below *path*; two places never have one path, whatever a map's keys hold."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else str(key)


def _rest(paths: Iterable[tuple[Any, ...]], key: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the paths that lead through *key*; one that ends above forces everything below it."""
    for path in paths:
        if not path:
            yield path
        elif path[0] == key:
            yield path[1:]


def _at(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None


def _mask_at(mask: Any, key: Any) -> Any:
    return True if mask is True else _at(mask, key)
