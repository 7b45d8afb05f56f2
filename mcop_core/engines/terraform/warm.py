"""
EDGE subprocess: the pool of this machine's warm providers, each with a keeper of its own (see `keeper`).

Most of what a Terraform command costs is its provider: its package is read and hashed, and its process started three
or four times, to tell its schema, to check, to plan and to apply. An operation has one process for all of that; a warm
one is lent to the Terraforms of many operations, one after the other, never to two at once.

    <temporary folder>/mcop-<user>-<digest of the cache folder>/    mode 0700
        <key>-<keeper>.sock     the keeper's; the key of one that serves a single operation is `own`
        <key>-<keeper>.schema   its schema proxy's
        <key>-<keeper>.way      where Terraform connects, a link
        <key>-<keeper>/         where its provider works
        slot-<number>           locked by a keeper that serves many, as long as it lives
        notes/                  of the packages that providers were started from
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcop_core.engines.terraform.lending import Lendable, lendable
from mcop_core.engines.terraform.loan import DONE, END, IDLE_S, KeeperPaths
from mcop_core.engines.terraform.packages import Package, locked_package
from mcop_core.engines.workspace import Reporter

_KEEPER = (sys.executable, "-P", "-m", "mcop_core.engines.terraform.keeper")
_OWN = "own"
"""In place of a key: of a provider that ends with the one operation that has it."""
_KEEPERS_OWN = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME")
"""What a keeper has of its starter's environment; it outlives it, and needs none of its secrets."""
_ANSWER_S = 5.0
_START_S = 60.0
_LOOK_S = 0.02
_PATIENCE_S = 0.5
"""How long one that is lent is waited for: as long as starting another takes, so that waiting at most doubles that."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """
    One provider that was lent.

    Attributes:
        told: What its keeper told: `provider`, `loans`.
        keeper: Ends with this operation; None: it serves others, too.
    """

    connection: socket.socket
    paths: KeeperPaths
    told: Mapping[str, Any]
    keeper: subprocess.Popen[bytes] | None = None

    def leave(self, *, is_sound: bool) -> None:
        """Give the provider back, or let go of it."""
        with self.connection, suppress(OSError):
            if is_sound:
                self.connection.sendall(DONE)
        if self.keeper:
            with suppress(subprocess.TimeoutExpired):  # a Terraform that was not waited for has it still
                self.keeper.wait(_ANSWER_S)


@dataclass(slots=True)
class Loan:
    """The warm providers that one operation has, by their addresses."""

    _taken: dict[str, _Taken] = field(default_factory=dict)

    @property
    def providers(self) -> dict[str, Any]:
        """Address -> how Terraform reaches it."""
        return {address: one.told["provider"] for address, one in self._taken.items()}

    def begin_command(self) -> dict[str, str]:
        """Return what one command of Terraform is told of them; it will ask each what its types are."""
        for one in self._taken.values():
            one.paths.lead_to(one.paths.schema)
        return {"TF_REATTACH_PROVIDERS": json.dumps(self.providers)} if self._taken else {}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What Terraform must inherit: it holds the loan as long as it lives, whoever started it."""
        return tuple(one.connection.fileno() for one in self._taken.values())

    def add(self, address: str, taken: _Taken) -> None:
        """Have one more provider."""
        self._taken[address] = taken

    def leave(self, *, is_sound: bool) -> None:
        """
        Let go of the providers; called again it does nothing.

        Args:
            is_sound: Whether Terraform ended by itself: they may be lent again. If not, they end, once it has.
        """
        for one in self._taken.values():
            one.leave(is_sound=is_sound)
        self._taken.clear()


@dataclass(frozen=True, slots=True)
class WarmProviders:
    """
    The pool of one user of this machine.

    Attributes:
        folder: Its own; made when it is needed.
        size: How many providers are kept at most between operations; 0: none.
        idle_s: How long one is kept that nobody wants, seconds.
        lends: Whether there are any at all; if not, Terraform starts its own.
    """

    folder: Path
    size: int
    idle_s: float = IDLE_S
    lends: bool = True

    @classmethod
    def of(cls, cache: Path, size: int) -> WarmProviders:
        """Return the pool of those who share the *cache* folder. A socket's path must be short: it lies elsewhere."""
        digest = hashlib.sha256(str(cache.absolute()).encode()).hexdigest()[:12]
        return cls(Path(tempfile.gettempdir()) / f"mcop-{os.getuid()}-{digest}", size)

    @contextmanager
    def lent(
        self, files: Mapping[str, bytes], directory: Path, environment: Mapping[str, str], report: Reporter
    ) -> Iterator[Loan]:
        """
        Lend what of the providers of a root can be lent; what cannot be, Terraform starts itself.

        What the pool has no room for is started all the same, and ends with the block. If that raises, all that was
        lent in it ends: it may be in the middle of something.

        Args:
            files: The root's.
            directory: Where they lie, made ready for Terraform.
            environment: All that Terraform is given, but for the inputs.
        """
        loan = Loan()
        try:
            for one in lendable(files, environment) if self.lends else ():
                self._borrow(one, directory, environment, loan, report)
            yield loan
            loan.leave(is_sound=True)
        finally:
            loan.leave(is_sound=False)

    def _borrow(
        self, wanted: Lendable, directory: Path, environment: Mapping[str, str], loan: Loan, report: Reporter
    ) -> None:
        try:
            taken = self._take(wanted, directory, environment)
            if taken is None:
                return
            loan.add(wanted.address, taken)
            _link_all(directory, taken.paths.folder)
        except OSError as error:
            loan.leave(is_sound=False)
            report.log(f"{wanted.address} is not kept warm: {error}", level="warning")
            return
        loans = taken.told["loans"]
        if loans:
            report.log(f"Using a warm {wanted.address} {wanted.lock.version}, lent {loans} times before.")
        report.record("provider_lent", provider=wanted.address, version=wanted.lock.version, loans=loans)

    def _take(self, wanted: Lendable, directory: Path, environment: Mapping[str, str]) -> _Taken | None:
        """Return a provider; None if its package is not what was locked, or it cannot be kept."""
        self._make_folder()
        deadline, has_made_room = time.monotonic() + _PATIENCE_S, False
        while self.size and time.monotonic() < deadline:
            if taken := self._idle(wanted.key):
                return taken
            with self._slot() as slot:
                if slot is not None:
                    return self._start(wanted, directory, environment, slot)
            has_made_room = has_made_room or self._dismiss_one(wanted.key)
            time.sleep(_LOOK_S)
        return self._start(wanted, directory, environment)

    def _idle(self, key: str) -> _Taken | None:
        found = (_ask(path) for path in sorted(self.folder.glob(f"{key}-*.sock")))
        return next((taken for taken in found if taken), None)

    @property
    def _notes(self) -> Path:
        return self.folder / "notes"

    @contextmanager
    def _slot(self) -> Iterator[int | None]:
        """Hold the lock of one more provider that may be kept, its descriptor; None if there is room for none."""
        for number in range(self.size):
            with (self.folder / f"slot-{number}").open("w") as file:
                if _locks(file.fileno()):
                    yield file.fileno()
                    return
        yield None

    def _dismiss_one(self, key: str) -> bool:
        """End a provider of others that nobody has, and return True, if there is one; it makes room when it is gone."""
        spared = (f"{_OWN}-", f"{key}-")
        others = (path for path in sorted(self.folder.glob("*.sock")) if not path.name.startswith(spared))
        return any(_dismiss(path) for path in others)

    def _start(
        self, wanted: Lendable, directory: Path, environment: Mapping[str, str], slot: int | None = None
    ) -> _Taken | None:
        """Start a provider that serves others, too, as long as it has *slot*; without one it serves this operation."""
        package = locked_package(directory, wanted.address, wanted.lock, self._notes)
        if package is None:
            return None
        paths = KeeperPaths(self.folder, f"{_OWN if slot is None else wanted.key}-{secrets.token_hex(4)}")
        idle_s = 0.0 if slot is None else self.idle_s
        connection, keepers = socket.socketpair()
        with keepers:
            keeper = subprocess.Popen(
                [*_KEEPER, str(paths.pool), paths.name, *_named(package), "--idle-s", str(idle_s)],
                env={name: os.environ[name] for name in _KEEPERS_OWN if name in os.environ},
                stdin=keepers.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=() if slot is None else (slot,),
            )
        connection.settimeout(_START_S)
        with suppress(OSError):
            connection.sendall(json.dumps(dict(environment)).encode() + b"\n")
        taken = _hear(connection, paths)
        if taken is None:
            connection.close()
            keeper.terminate()
            return None
        return replace(taken, keeper=keeper) if slot is None else taken

    def end_idle(self) -> None:
        """End every provider that is not lent, wait until it has ended, and throw the notes away."""
        ended = [path for path in self.folder.glob("*.sock") if _dismiss(path)]
        deadline = time.monotonic() + _ANSWER_S
        while any(path.exists() for path in ended) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        shutil.rmtree(self._notes, ignore_errors=True)

    def _make_folder(self) -> None:
        """
        Make the folder, or make sure that it is ours alone.

        Raises:
            PermissionError: Somebody else made it, or may look into it.
        """
        with suppress(FileExistsError):
            self.folder.mkdir(mode=0o700)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{self.folder} must be a folder of this user that nobody else can read")
        self._notes.mkdir(mode=0o700, exist_ok=True)


NO_POOL = WarmProviders(Path(os.devnull), 0, lends=False)
"""Of those who keep none."""


def _named(package: Package) -> tuple[str, ...]:
    return (str(package.program), *(("--types", str(package.types.path)) if package.types else ()))


def _locks(descriptor: int) -> bool:
    """Lock a file, and return True, unless another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ask(path: Path) -> _Taken | None:
    """Return the loan of the keeper at *path*; None if it has lent its provider, or is gone."""
    connection, paths = socket.socket(socket.AF_UNIX), KeeperPaths(path.parent, path.stem)
    connection.settimeout(_ANSWER_S)
    taken = None
    try:
        connection.connect(str(path))
        taken = _hear(connection, paths)
    except ConnectionRefusedError:  # killed, with nobody to clear up
        paths.clear()
    except OSError:
        pass
    if taken is None:
        connection.close()
    return taken


def _hear(connection: socket.socket, paths: KeeperPaths) -> _Taken | None:
    """Return the loan that a keeper says *connection* is; None if it is none."""
    with suppress(OSError, ValueError), connection.makefile("rb") as stream:
        told = json.loads(stream.readline() or b"{}")
        return _Taken(connection, paths, told) if told else None
    return None


def _dismiss(path: Path) -> bool:
    """End the keeper at *path*, and return True, unless its provider is lent."""
    taken = _ask(path)
    if taken is None:
        return not path.exists()
    with taken.connection, suppress(OSError):
        taken.connection.sendall(END)
    return True


def _link_all(directory: Path, folder: Path) -> None:
    """Let what lies in *directory* be found in *folder*, where the provider works: paths given to it are relative."""
    for entry in directory.iterdir():
        (folder / entry.name).symlink_to(entry)
