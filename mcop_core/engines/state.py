"""
Terraform's state on its way: pulled, shipped while it changes, settled after a crash, pushed.

While an operation works, the state that counts is a file in its workspace. The state store holds the state
it began with, and beside it, under `<key>.mcop-inflight`, a copy of the file as of about a second ago. Every
copy names its *base*, the digest of the state it grew from: a copy is carried on only if the state has not
moved since. Deciding is pure (`settle`); reading and writing are the functions around it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.errors import (
    InvalidInput,
    McopError,
    PreconditionFailed,
    StateConflict,
    StoredObjectMissing,
    Unreachable,
)

NOTHING = ""
"""The base of a state that grew from none."""
MOVED_FROM, MOVED_TO = "mcop_moved_from", "mcop_moved_to"
"""Notes in a state that moves, see `moving`; Terraform reads over them and writes them no more."""

_BACKOFF_S = 15.0


@dataclass(frozen=True, slots=True)
class StateAddress:
    """Where a state lies; as text `<store url>#<key>`, split at the last `#`."""

    store: str
    key: str

    def __str__(self) -> str:
        return f"{self.store}#{self.key}"

    @classmethod
    def parse(cls, text: str) -> StateAddress:
        """
        Read `<store url>#<key>`.

        Raises:
            InvalidInput: One of the two is missing.
        """
        store, _, key = text.rpartition("#")
        if not (store and key):
            raise InvalidInput(f"{text!r} is no address of a state: write <store url>#<key>")
        return cls(store, key)

    @classmethod
    def of(cls, artifact: RenderedArtifact) -> StateAddress:
        """Return where the state of what *artifact* deploys lies."""
        home = artifact.runtime["state"]
        return cls(home["store"], home["key"])

    @property
    def namespace(self) -> str:
        """The namespace of the manifest that the component belongs to."""
        return self.key.split("/")[0]

    @property
    def step(self) -> str:
        """The component's id, `workflow.pattern.element`."""
        workflow, pattern, element = self.key.split("/")[2:5]
        return f"{workflow}.{pattern}.{element.partition('.')[0]}"

    @property
    def inflight(self) -> str:
        """Key of the copy that is kept while an operation works."""
        return f"{self.key}.mcop-inflight"


@dataclass(frozen=True, slots=True)
class StateFile:
    """One version of a state: its bytes, and what MCOP reads of them."""

    data: bytes
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, data: bytes, where: str) -> StateFile:
        """
        Read a state of format 4.

        Raises:
            StateConflict: *data* is none: empty, cut off, of another format. Names *where* it lies.
        """
        try:
            document = json.loads(data)
        except ValueError as error:
            raise StateConflict(f"the state in {where} cannot be read: {error}", where=where) from error
        if isinstance(document, dict) and "encrypted_data" in document:
            told = "is encrypted by OpenTofu, and MCOP has no key: leave state encryption to the state store"
            raise StateConflict(f"the state in {where} {told}", where=where)
        if not isinstance(document, dict) or document.get("version") != 4:
            raise StateConflict(f"the state in {where} is not of format 4", where=where)
        return cls(data, document)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> StateFile:
        """Return the state that says *document*."""
        return cls(json.dumps(document, indent=2).encode(), document)

    @classmethod
    def following(cls, base: StateFile | None, **content: Any) -> StateFile:
        """Return a state with *content* (`resources`, `outputs`, …) that grew from *base*."""
        serial, lineage = (base.serial + 1, base.lineage) if base else (1, str(uuid4()))
        return cls.of({"version": 4, "serial": serial, "lineage": lineage, **content})

    @property
    def lineage(self) -> str:
        """The id that all versions of one state share."""
        return str(self.document.get("lineage", ""))

    @property
    def serial(self) -> int:
        """Grows with each version."""
        return int(self.document.get("serial", 0))

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Output -> `{"value", "type", "sensitive"?}`; one that is null is not there."""
        return self.document.get("outputs") or {}

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing: no resource, and no output."""
        return not (self.document.get("resources") or self.outputs)

    def note(self, name: str) -> StateAddress | None:
        """Return the address under *name*, `MOVED_FROM` or `MOVED_TO`; None if there is none."""
        text = self.document.get(name)
        return StateAddress.parse(text) if text else None

    def with_note(self, name: str, address: StateAddress) -> StateFile:
        """Return it with *address* noted under *name*."""
        return StateFile.of({**self.document, name: str(address)})

    def without_note(self, name: str) -> StateFile:
        """Return it without what is noted under *name*."""
        return StateFile.of({key: part for key, part in self.document.items() if key != name})

    def without(self, gone: Mapping[str, Collection[str]]) -> StateFile:
        """
        Return it without the instances that are *gone*, address -> ids; itself if it holds none of them.

        The address of a deposed instance is that of its resource.
        """
        resources = [_less(resource, gone) for resource in self.document.get("resources") or []]
        if resources == (self.document.get("resources") or []):
            return self
        left = [resource for resource in resources if resource["instances"]]
        return StateFile.of({**self.document, "serial": self.serial + 1, "resources": left})

    def with_deposed(self, begun: Mapping[str, str]) -> StateFile:
        """
        Return it with each instance deposed in whose place another was created; itself if there is none.

        A deposed instance stands beside the current one until an apply destroys it.

        Args:
            begun: Address -> id of what was created there; empty if that is not known.
        """
        resources = [_deposed(resource, begun) for resource in self.document.get("resources") or []]
        if resources == (self.document.get("resources") or []):
            return self
        return StateFile.of({**self.document, "serial": self.serial + 1, "resources": resources})

    def content(self) -> dict[str, Any]:
        """
        Return what the state says of the world, without its serial and Terraform's version.

        What Terraform writes in any order, the paths of sensitive attributes, has one here.
        """
        found = {name: part for name, part in self.document.items() if name not in ("serial", "terraform_version")}
        return {**found, "resources": [_ordered(one) for one in found.get("resources") or []]}

    def instances(self) -> dict[str, str]:
        """Return the managed resources it holds: address -> id."""
        return {address: str(attributes.get("id", "")) for address, attributes in self.managed()}

    def managed(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the managed resources it holds, address and attributes."""
        for resource in self.document.get("resources") or []:
            if resource.get("mode") == "managed":
                for instance in resource.get("instances") or []:
                    yield _address(resource, instance), instance.get("attributes") or {}


def _ordered(resource: Mapping[str, Any]) -> dict[str, Any]:
    instances = [
        {**one, "sensitive_attributes": sorted(one.get("sensitive_attributes") or [], key=json.dumps)}
        for one in resource.get("instances") or []
    ]
    return {**resource, "instances": instances}


def _less(resource: Mapping[str, Any], gone: Mapping[str, Collection[str]]) -> Mapping[str, Any]:
    if resource.get("mode") != "managed":
        return resource
    instances = resource.get("instances") or []
    left = [one for one in instances if _id(one) not in gone.get(_address(resource, {**one, "deposed": None}), ())]
    return {**resource, "instances": left} if len(left) < len(instances) else resource


def _deposed(resource: Mapping[str, Any], begun: Mapping[str, str]) -> Mapping[str, Any]:
    if resource.get("mode") != "managed":
        return resource
    instances = resource.get("instances") or []
    return {**resource, "instances": [_put_aside(resource, one, begun) for one in instances]}


def _put_aside(resource: Mapping[str, Any], instance: Mapping[str, Any], begun: Mapping[str, str]) -> Mapping[str, Any]:
    created, id_ = begun.get(_address(resource, instance)), _id(instance)
    if created is None or not id_ or created == id_ or "deposed" in instance:
        return instance
    return {**instance, "deposed": hashlib.sha256(id_.encode()).hexdigest()[:8]}


def _id(instance: Mapping[str, Any]) -> str:
    return str((instance.get("attributes") or {}).get("id", ""))


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    module = f"{resource['module']}." if resource.get("module") else ""
    key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    deposed = f" (deposed {instance['deposed']})" if instance.get("deposed") else ""
    return f"{module}{resource['type']}.{resource['name']}{key}{deposed}"


# -- settling ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leftover:
    """
    What an operation left that did not end by itself.

    Attributes:
        where: For people: the file or the object.
        base: Digest of the state it grew from; `NOTHING` for none.
        state: As far as it had come; None if nothing was written yet.
        doubtful: Addresses whose creation had begun and whose outcome nobody knows.
        planned: Addresses that were to be created. What of them began after a copy was made only the workspace says: a
            copy that is all that is left has these, too.
    """

    where: str
    base: str
    state: StateFile | None
    doubtful: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the form it has under `StateAddress.inflight`."""
        state = None if self.state is None else self.state.data.decode()
        planned = {"planned": list(self.planned)} if self.planned else {}
        return json.dumps({"base": self.base, "doubtful": list(self.doubtful), **planned, "state": state}).encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Leftover:
        """
        Read what `to_json` wrote.

        Raises:
            StateConflict: It is something else.
        """
        try:
            document = json.loads(data)
            state = document["state"]
            read = None if state is None else StateFile.parse(state.encode(), where)
            return cls(where, document["base"], read, tuple(document["doubtful"]), tuple(document.get("planned", ())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, McopError):
                raise
            raise StateConflict(f"{where} is no copy of a state in flight", where=where) from error


@dataclass(frozen=True, slots=True)
class Settled:
    """
    The state to go on from.

    Attributes:
        state: None: there is none yet.
        is_new: Whether it must be pushed before anything else.
        doubtful: Addresses whose creation had begun and whose outcome nobody knows.
        planned: Addresses whose creation may have begun besides.
    """

    state: StateFile | None
    is_new: bool = False
    doubtful: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()


def settle(remote: StateFile | None, leftovers: Sequence[Leftover]) -> Settled:
    """
    Decide which state to go on from. Pure.

    Args:
        remote: What the state store holds.
        leftovers: The nearest to the process that wrote it first; all of one crashed operation, or of
            several on the same state.

    Returns:
        The first leftover that grew from *remote*; else *remote*. A leftover that *remote* already contains
        counts as settled. In doubt is what it names, and what leftovers without a state name, unless it is recorded.

    Raises:
        StateConflict: A leftover holds resources that *remote* does not, and did not grow from it.
    """
    base = remote.digest if remote else NOTHING
    fresh = [left for left in leftovers if not _is_contained(left, remote)]
    for left in fresh:
        _check_grew(left, remote, base)
    first = (fresh or leftovers)[:1]
    notes = [left for left in leftovers if left.state is None and left not in first]
    state = fresh[0].state if fresh else remote
    recorded = state.instances() if state else {}
    named = dict.fromkeys(address for left in (*first, *notes) for address in left.doubtful)
    doubtful = tuple(one for one in named if one not in recorded)
    planned = tuple(one for left in first for one in left.planned if one not in recorded and one not in doubtful)
    return Settled(state, bool(fresh), doubtful, planned)


def _is_contained(left: Leftover, remote: StateFile | None) -> bool:
    if left.state is None:
        return True
    if remote is None:
        return not left.state.instances() and left.base != NOTHING
    if left.state.content() == remote.content():
        return True
    known = remote.instances().items()
    return left.base != remote.digest and all(instance in known for instance in left.state.instances().items())


def _check_grew(left: Leftover, remote: StateFile | None, base: str) -> None:
    state = left.state
    if state is None or (left.base == base and (remote is None or remote.lineage == state.lineage)):
        return
    known = remote.instances() if remote else {}
    lost = sorted(name for name, id_ in state.instances().items() if known.get(name) != id_)
    raise StateConflict(
        f"{left.where} holds what an operation did that was never pushed (serial {state.serial}), and the state has "
        f"moved since (serial {remote.serial if remote else 'none'}). Not in the state: {', '.join(lost)}. "
        "Import these or remove them from the cloud, then delete the copy.",
        where=left.where,
        resources=tuple(lost),
    )


# -- files ---------------------------------------------------------------------------------------------


def write_durably(path: Path, data: bytes) -> None:
    """Write *data* to *path* whole or not at all, mode 0600, on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


# -- store ---------------------------------------------------------------------------------------------


def pull(store: ObjectStore, key: str) -> tuple[StateFile | None, str | None]:
    """Return the state under *key* and its etag; both None if there is none."""
    try:
        stored = store.get(key)
    except StoredObjectMissing:
        return None, None
    return StateFile.parse(stored.data, f"{store.url}#{key}"), stored.etag


@dataclass(frozen=True, slots=True)
class Held:
    """
    What a place holds.

    Attributes:
        state: What counts, without the note of where it came from; None if nothing does.
        etag, data: Of what lies there, whether it counts or not; None if nothing does.
        is_noted: Whether `state` lies there with that note: the last write of its move is missing.
    """

    state: StateFile | None
    etag: str | None
    data: bytes | None
    is_noted: bool = False


def held(open_store: Callable[[str], ObjectStore], address: StateAddress) -> Held:
    """
    Return what counts at *address*.

    A copy that came from a place which still holds that state counts for nothing: it has not moved yet.
    """
    found, etag = pull(open_store(address.store), address.key)
    origin = found.note(MOVED_FROM) if found else None
    if found is None or origin is None:
        return Held(found, etag, found.data if found else None)
    there, _ = pull(open_store(origin.store), origin.key)
    if there is not None and there.lineage == found.lineage:
        return Held(None, etag, found.data)
    return Held(found.without_note(MOVED_FROM), etag, found.data, is_noted=True)


def where_it_is(
    open_store: Callable[[str], ObjectStore], address: StateAddress
) -> tuple[StateAddress, StateFile | None]:
    """Return what counts at *address*, or at the place to which it has moved, and which place that is."""
    state = held(open_store, address).state
    moved_to = state.note(MOVED_TO) if state else None
    return where_it_is(open_store, moved_to) if moved_to else (address, state)


def read_outputs(open_store: Callable[[str], ObjectStore], address: StateAddress) -> Mapping[str, Any]:
    """
    Return the output values of the state at *address*, or of where it moved to.

    Raises:
        StoredObjectMissing: There is no such state.
    """
    _, state = where_it_is(open_store, address)
    if state is None:
        raise StoredObjectMissing(f"there is no state {address}: its component is not applied", key=address.key)
    return {name: output["value"] for name, output in state.outputs.items()}


def patiently(
    act: Callable[[], str | None], *, patience_s: float, tell: Callable[[str], None] = lambda _: None
) -> str | None:
    """
    Return what *act* gives, asking again while the store does not answer.

    Raises:
        Unreachable: It did not answer for *patience_s* seconds.
    """
    ends, wait_s = time.monotonic() + patience_s, 0.25
    while True:
        try:
            return act()
        except Unreachable as error:
            left_s = ends - time.monotonic()
            if left_s <= 0:
                raise
            tell(f"{error}; trying for another {left_s:.0f} s")
        time.sleep(max(0.0, min(wait_s, left_s)))
        wait_s = min(wait_s * 2, _BACKOFF_S)


def push(store: ObjectStore, key: str, data: bytes, etag: str | None, *, check: Callable[[], None]) -> str:
    """
    Write the state once, if it is still the one that was pulled; return the new etag.

    Args:
        etag: What `pull` or the last `push` gave; None: there was none.
        check: The lease's; raises if somebody else holds the state now.

    Raises:
        StateConflict: The state moved.
        Unreachable: The store did not answer; the write may have happened, and calling again is safe.
    """
    check()
    try:
        return put_if(store, key, data, etag)
    except PreconditionFailed as error:
        stored = get_or_none(store, key)
        if stored is not None and stored[0] == data:
            return stored[1]  # our own write, whose answer was lost
        raise StateConflict(f"the state {store.url}#{key} moved while this operation held it", key=key) from error


def put_if(store: ObjectStore, key: str, data: bytes, etag: str | None) -> str:
    """Write *data* if what lies there has *etag*, or if nothing does and *etag* is None; return the new etag."""
    return store.put(key, data, if_absent=True) if etag is None else store.put(key, data, if_match=etag)


def get_or_none(store: ObjectStore, key: str) -> tuple[bytes, str] | None:
    """Return the bytes under *key* and their etag, None if there are none."""
    try:
        stored = store.get(key)
    except StoredObjectMissing:
        return None
    return stored.data, stored.etag
