"""Where and with what an operation runs: its `Workspace`, the lease it works under, and to whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from mcop_core.artifacts.store import ObjectStore
from mcop_core.errors import Refused
from mcop_core.secrets.reference import SecretRef


class Reporter(Protocol):
    """What an engine tells while it works. The runner journals it and passes it to the task's log."""

    def log(self, line: str, *, level: str = "info") -> None:
        """One readable line; `::group::name` and `::endgroup::` fold."""

    def record(self, event: str, **facts: Any) -> None:
        """One fact for the journal, durable when this returns: `resource_started`, `resource_finished`, …"""


class Lease(Protocol):
    """
    The right to change one thing in a store, for as long as its holder lives and renews it.

    Attributes:
        id: Of this holding of the lease; also the id of the engine's own lock under it.
        abandoned: Ids of earlier holdings whose holders are proved dead: their locks may be broken.
        left: Workspaces on this machine that those holders left behind, the oldest first.
    """

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def abandoned(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def left(self) -> tuple[Path, ...]: ...  # noqa: D102

    @property
    def is_lost(self) -> bool:
        """Whether somebody else is known to hold it now; asked often, without asking the store."""

    def check(self) -> None:
        """
        Ask the store whether this is still the newest holding, before a write that must not be an old holder's.

        Raises:
            StateConflict: It is not.
        """

    def keep(self) -> None:
        """Do not give the lease back at the end: something is unsettled, and the next holder must know."""


class Unleased:
    """The lease of an operation that nothing else can meet: it is never lost, and breaks no lock."""

    abandoned: tuple[str, ...] = ()
    left: tuple[Path, ...] = ()
    is_lost = False

    def __init__(self) -> None:
        self.id = str(uuid4())

    def check(self) -> None:
        """Pass."""

    def keep(self) -> None:
        """Nothing is given back."""


@contextmanager
def unleased(store: ObjectStore, key: str) -> Iterator[Lease]:
    """Hold no lease on *key* in *store*: the engine's own lock is the only guard."""
    yield Unleased()


def no_secrets(namespace: str, refs: Iterable[SecretRef]) -> Mapping[SecretRef, str]:
    """
    Read no secret: where none is needed, or none may be had.

    Raises:
        Refused: One is asked for.
    """
    wanted = [str(ref) for ref in refs]
    if wanted:
        raise Refused(f"secrets are not read here: {', '.join(wanted)}")
    return {}


@dataclass(frozen=True, slots=True)
class Workspace:
    """
    Where and with what an operation runs, on the machine of the runner.

    Attributes:
        directory: An empty or resumed folder of the operation's own, mode 0700, durable.
        open_store: Store URL -> store, for states.
        environment: The whole environment of the engine's processes; nothing else is inherited.
        cancelled: Asked often; once True, stop gracefully and raise `Cancelled`.
        owner: Who runs this, for locks that people read: `mcop.<manifest> <run id>`.
        lease: Store and key of what is changed -> the lease, held in a `with`; raises `StateLocked`.
        read_secrets: Namespace of who asks and references -> their values. Raises `Unreachable` if a store does not
            answer, and says of every other reason which references cannot be read.
    """

    directory: Path
    open_store: Callable[[str], ObjectStore]
    environment: Mapping[str, str]
    cancelled: Callable[[], bool]
    owner: str
    lease: Callable[[ObjectStore, str], AbstractContextManager[Lease]] = unleased
    read_secrets: Callable[[str, Iterable[SecretRef]], Mapping[SecretRef, str]] = no_secrets
