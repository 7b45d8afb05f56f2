"""
Terraform's plan file -> the document that `terraform show -json` prints of it, as far as MCOP reads that. Pure.

`show` starts Terraform once more and has it decode every schema of the provider: 2 to 3 s of CPU with AWS's, as much
as planning. The file holds what is wanted: a zip, its member `tfplan` a protobuf message, values in it as msgpack.
Unknown values are extension types, values of a dynamic type a pair of type and value; sensitive places, those that
the provider's schema marks among them, are listed beside.

It is an internal format. It is read where it is of a version that the tests hold against `show -json`, and says
nothing that this does not know; whatever else it is, it is not read, and `show` is asked.

What the schema calls sensitive is marked of values that the plan refreshed, before and after. Every plan of MCOP
refreshes; of one with `-refresh=false` a state that an older Terraform wrote would show it.

Source: github.com/hashicorp/terraform, internal/plans/planproto/planfile.proto; github.com/zclconf/go-cty, msgpack.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

FORMAT = 3
"""Of `tfplan`, its first field."""
VERSIONS = ("1.11.",)
"""Versions of Terraform whose plan files the tests hold against `show -json`."""

_ACTIONS: Mapping[int, list[str]] = {
    0: ["no-op"],
    1: ["create"],
    2: ["read"],
    3: ["update"],
    5: ["delete"],
    6: ["delete", "create"],
    7: ["create", "delete"],
}
_OF_TWO = (["read"], ["update"], ["delete", "create"], ["create", "delete"])
"""Actions whose changes hold a value before and one after."""
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", re.ASCII)
_PART = re.compile(r"""(?:^|(?<!^)\.)(?P<name>[\w-]+)(?:\[(?P<key>\d+|"(?:[^"\\]|\\.)*")\])?""")


class Unreadable(ValueError):
    """The file is of another version, or holds what is not known here; says what."""


def read_document(data: bytes, versions: Mapping[str, str]) -> dict[str, Any]:
    """
    Return what MCOP reads of `terraform show -json`: changes, drift and outputs, with their masks.

    Args:
        data: A plan file. It holds sensitive values in clear, and so does the document.
        versions: Tool -> version, as the process that wrote it said; see `log.EventReader`.

    Raises:
        Unreadable: `show` must be asked.
    """
    with _opened(data, versions) as (plan, _):
        return _document(plan)


def unchanged_state(data: bytes, versions: Mapping[str, str]) -> bytes | None:
    """
    Return the state that the plan in *data* began with, refreshed, if it changes nothing; None if it does.

    Applying it would write this state, and do nothing else: no resource or output changes, no data source is read at
    apply or forgotten, and nothing was found to have drifted.

    Raises:
        Unreadable: As `read_document`.
    """
    with _opened(data, versions) as (plan, archive):
        changes = [entry.message(9) for entry in (*plan.messages(3), *plan.messages(18))]
        changes += [entry.message(2) for entry in plan.messages(4)]
        return None if any(change.number(1) for change in changes) else archive.read("tfstate")


@contextmanager
def _opened(data: bytes, versions: Mapping[str, str]) -> Iterator[tuple[_Message, zipfile.ZipFile]]:
    """Give the plan in *data* and the file's other members; whatever is not known inside the block is `Unreadable`."""
    if set(versions) != {"terraform"} or not versions["terraform"].startswith(VERSIONS):
        raise Unreadable(f"plan files of {dict(versions)} are not known")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            plan = _Message.read(archive.read("tfplan"))
            if plan.number(1) != FORMAT or plan.text(14) != versions["terraform"]:
                raise Unreadable(f"format {plan.number(1)} of Terraform {plan.text(14)}")
            plan.hold_to(_PLAN_FIELDS, "plan")
            yield plan, archive
    except (zipfile.BadZipFile, KeyError, IndexError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise Unreadable(f"the plan file cannot be read: {type(error).__name__}: {error}") from error


def _document(plan: _Message) -> dict[str, Any]:
    outputs = {one.text(1): _output(one) for one in plan.messages(4)}
    known = {name: {"value": one["after"]} for name, one in outputs.items() if _is_known(one)}
    return {
        "format_version": "1.2",
        "resource_changes": _resources(plan.messages(3)),
        "resource_drift": [one for one in _resources(plan.messages(18)) if one["change"]["actions"] != ["no-op"]],
        "output_changes": outputs,
        "planned_values": {"outputs": known},
    }


_PLAN_FIELDS = frozenset({1, 2, 3, 4, 13, 14, 15, 17, 18, 19, 20, 21, 25, 26})
_RESOURCE_FIELDS = frozenset({7, 8, 9, 10, 11, 12, 13, 14})
_CHANGE_FIELDS = frozenset({1, 2, 3, 4, 5})
_REASONS = (
    "",
    "replace_because_tainted",
    "replace_by_request",
    "replace_because_cannot_update",
    "delete_because_no_resource_config",
    "delete_because_wrong_repetition",
    "delete_because_count_index",
    "delete_because_each_key",
    "delete_because_no_module",
    "replace_by_triggers",
    "read_because_config_unknown",
    "read_because_dependency_pending",
    "read_because_check_nested",
    "delete_because_no_move_target",
)


def _resources(entries: Sequence[_Message]) -> list[dict[str, Any]]:
    """Return the changes in the order in which Terraform prints them."""
    found = [(_Address.parse(entry.text(13)), _resource(entry)) for entry in entries]
    # What Terraform forgets of a data source is no change.
    told = [(at, one) for at, one in found if not (at.is_data and one["change"]["actions"] == ["delete"])]
    return [{**one, "type": at.type} for at, one in sorted(told, key=lambda pair: (pair[0].order, pair[1]["deposed"]))]


def _resource(entry: _Message) -> dict[str, Any]:
    entry.hold_to(_RESOURCE_FIELDS, "resource change")
    change, address, before = _change(entry.message(9)), entry.text(13), entry.text(14)
    change["replace_paths"] = [_steps(path) for path in entry.messages(11)]
    reason = entry.number(12)
    if reason >= len(_REASONS):
        raise Unreadable(f"reason {reason}")
    return {
        "address": address,
        "previous_address": before if before != address else "",
        "deposed": entry.text(7),
        "action_reason": _REASONS[reason],
        "change": change,
    }


def _output(entry: _Message) -> dict[str, Any]:
    change = _change(entry.message(2))
    if entry.number(3):
        change |= {"before_sensitive": True, "after_sensitive": True}
    return change


def _is_known(output: Mapping[str, Any]) -> bool:
    return output["actions"] != ["delete"] and not _holds_true(output["after_unknown"])


def _holds_true(mask: Any) -> bool:
    if isinstance(mask, Mapping | list):
        return any(_holds_true(part) for part in (mask.values() if isinstance(mask, Mapping) else mask))
    return mask is True


def _change(entry: _Message) -> dict[str, Any]:
    """Return both values and the masks over them; which of them a change holds depends on its action."""
    entry.hold_to(_CHANGE_FIELDS, "change")
    action = entry.number(1)
    actions = _ACTIONS.get(action)
    values = [_value(one) for one in entry.messages(2)]
    if actions is None or len(values) != (2 if actions in _OF_TWO else 1):
        raise Unreadable(f"action {action} with {len(values)} values")
    before = values[0] if actions != ["create"] else None
    after = None if actions == ["delete"] else values[-1]
    return {
        "actions": actions,
        "before": _known(before),
        "after": _known(after),
        "after_unknown": _unknown(after),
        "before_sensitive": _mask(map(_steps, entry.messages(3))),
        "after_sensitive": _mask(map(_steps, entry.messages(4))),
    }


# -- values --------------------------------------------------------------------------------------------


class _Unknown:
    """A value that is known after apply."""


_UNKNOWN = _Unknown()


def _extension(code: int, data: memoryview) -> _Unknown:
    if code not in (0, 12):
        raise Unreadable(f"msgpack extension {code}")
    return _UNKNOWN


def _value(entry: _Message) -> Any:
    """Return the value of a `DynamicValue`, `_UNKNOWN` wherever it is not known."""
    return _typed(msgspec.msgpack.decode(entry.data(1), ext_hook=_extension))


def _typed(value: Any) -> Any:
    """Take pairs of type and value apart; numbers come as text where no machine number holds them."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], bytes):
        return _of_type(value[1], json.loads(value[0]))
    if isinstance(value, dict):
        return {key: _typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_typed(part) for part in value]
    if isinstance(value, str) and _may_be_number(value):
        raise Unreadable("a text that may be a number")
    return _plain(value)


def _of_type(value: Any, of: Any) -> Any:
    """Return *value* of the cty type *of*, which tells texts from numbers that no machine number holds."""
    if value is None or value is _UNKNOWN:
        return value
    if of == "dynamic":
        return _typed(value)
    if of == "number" and isinstance(value, str):
        return json.loads(value)
    if isinstance(of, str):
        return _plain(value)
    kind, parts = of[0], of[1]
    if kind in ("list", "set"):
        return [_of_type(part, parts) for part in value]
    if kind == "map":
        return {key: _of_type(part, parts) for key, part in value.items()}
    if kind == "tuple":
        return [_of_type(part, type_) for part, type_ in zip(value, parts, strict=True)]
    if kind == "object":
        return {key: _of_type(part, parts[key]) for key, part in value.items()}
    raise Unreadable(f"type {kind}")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | _Unknown):
        return value
    if isinstance(value, float) and abs(value) < 2**53:
        return int(value) if value.is_integer() else value
    raise Unreadable(f"a value of {type(value).__name__}")


def _may_be_number(text: str) -> bool:
    """Whether cty may have written a number as *text*: in its one form, and none that a machine number holds."""
    if not _DECIMAL.fullmatch(text):
        return False
    exact = Decimal(text)
    is_machine = exact == exact.to_integral_value() and abs(exact) < 2**63
    return not is_machine and Decimal(float(text)) != exact


def _known(value: Any) -> Any:
    """Return *value* as Terraform prints it: without what is unknown in a map, null for it in a list."""
    if isinstance(value, dict):
        return {key: _known(part) for key, part in value.items() if part is not _UNKNOWN}
    if isinstance(value, list):
        return [_known(part) for part in value]
    return None if value is _UNKNOWN else value


def _unknown(value: Any) -> Any:
    """Return the mask of what is unknown in *value*."""
    if isinstance(value, dict):
        found = {key: _unknown(part) for key, part in value.items()}
        return {key: part for key, part in found.items() if part is not False}
    if isinstance(value, list):
        return [_unknown(part) for part in value]
    return value is _UNKNOWN


def _steps(path: _Message) -> list[str | int]:
    """Return the names, keys and indexes of a `Path`."""
    found: list[str | int] = []
    for step in path.messages(1):
        key = step.text(1) if step.has(1) else _value_of_key(step.message(2))
        found.append(key)
    return found


def _value_of_key(entry: _Message) -> str | int:
    key = msgspec.msgpack.decode(entry.data(1), ext_hook=_extension)
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise Unreadable(f"a path through {type(key).__name__}")
    return key


def _mask(paths: Iterable[Sequence[str | int]]) -> Any:
    """Return what is true at each of *paths* and all below: nested by name and key, by index in lists."""
    below: dict[str | int, list[Sequence[str | int]]] = {}
    for path in paths:
        if not path:
            return True
        below.setdefault(path[0], []).append(path[1:])
    if not below:
        return False
    if all(isinstance(key, int) for key in below):
        last = max(key for key in below if isinstance(key, int))
        return [_mask(below[index]) if index in below else False for index in range(last + 1)]
    return {str(key): _mask(rest) for key, rest in below.items()}


# -- addresses -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Address:
    """An address of a resource instance, as far as its place in the order goes."""

    is_data: bool
    type: str
    order: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> _Address:
        parts = [(match["name"], _key(match["key"])) for match in _PART.finditer(text)]
        if "".join(match[0] for match in _PART.finditer(text)) != text:
            raise Unreadable(f"the address {text}")
        modules = []
        while len(parts) > 2 and parts[0][0] == "module":
            modules.append(parts[1])
            parts = parts[2:]
        is_data = len(parts) == 3 and parts[0][0] == "data"
        parts = parts[1:] if is_data else parts
        if len(parts) != 2:
            raise Unreadable(f"the address {text}")
        (type_, _), (name, key) = parts
        return cls(is_data, type_, (len(modules), modules, not is_data, type_, name, key))


def _key(text: str | None) -> tuple[int, int, str]:
    """Return what orders instances: those without a key, then by number, then by text."""
    if text is None:
        return (0, 0, "")
    return (2, 0, json.loads(text)) if text.startswith('"') else (1, int(text), "")


# -- protobuf ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Message:
    """The fields of one protobuf message: number -> what stands there, in order; numbers, or bytes."""

    fields: Mapping[int, Sequence[int | bytes]]

    @classmethod
    def read(cls, data: bytes) -> _Message:
        found: dict[int, list[int | bytes]] = {}
        for number, value in _wire(data):
            found.setdefault(number, []).append(value)
        return cls(found)

    def has(self, number: int) -> bool:
        return number in self.fields

    def hold_to(self, known: frozenset[int], what: str) -> None:
        strange = sorted(set(self.fields) - known)
        if strange:
            raise Unreadable(f"a {what} has the field {strange[0]}")

    def number(self, number: int) -> int:
        value = self.fields.get(number, (0,))[-1]
        if not isinstance(value, int):
            raise Unreadable(f"field {number} is no number")
        return value

    def all_data(self, number: int) -> list[bytes]:
        values = self.fields.get(number, ())
        if not all(isinstance(value, bytes) for value in values):
            raise Unreadable(f"field {number} holds numbers")
        return [value for value in values if isinstance(value, bytes)]

    def data(self, number: int) -> bytes:
        return (self.all_data(number) or [b""])[-1]

    def text(self, number: int) -> str:
        return self.data(number).decode()

    def messages(self, number: int) -> list[_Message]:
        return [_Message.read(data) for data in self.all_data(number)]

    def message(self, number: int) -> _Message:
        return _Message.read(self.data(number))


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise Unreadable("a field ends beyond its message")
            yield key >> 3, data[at : at + length]
            at += length
        else:
            raise Unreadable(f"wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
