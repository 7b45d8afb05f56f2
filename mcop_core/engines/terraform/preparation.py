"""
A workspace made ready for Terraform: the artifact's files, its modules, its provider packages.

`terraform init` reads a provider's package twice to install it, 1.4 GB for AWS, and every other command reads it once
more to compare it with the lock file. So the packages that one `init` installed are kept below the cache folder,

    <cache_dir>/providers/<digest of the lock file and the mirror>/<registry>/<namespace>/<type>/<version>/<platform>

and later workspaces link to them; `terraform get` installs the modules. Nothing kept is trusted: Terraform itself
refuses a package whose checksum the lock file does not hold, and then `init` runs after all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mcop_core.engines.state import write_durably
from mcop_core.engines.terraform.module_files import PACKAGES, is_configuration, is_override, is_variables
from mcop_core.engines.terraform.providers import cli_config
from mcop_core.errors import EngineFailed, InvalidInput, Tampered

if TYPE_CHECKING:
    from mcop_core.engines.terraform.toolchain import Toolchain

BACKEND_FILE = "backend.tf.json"
LOCK_FILE = ".terraform.lock.hcl"
CLI_CONFIG = "mcop.tfrc"
INIT = ("init", "-lockfile=readonly", "-input=false", "-no-color")
GET = ("get", "-no-color")

_PREPARED = "mcop-prepared"
_PACKAGE = "*/*/*/*/*"
_UNPREPARED = (
    "required plugins are not installed",
    "inconsistent dependency lock file",
    "module not installed",
    "checksums recorded in the dependency lock file",
)


class Preparation:
    """
    What makes one workspace ready.

    Args:
        files: The artifact's.
        directory: The workspace's folder: the root module.
        tools: What it is made ready for.
        run: Runs the binary with these arguments in *directory*, to its end; raises what `Engine.apply` raises.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        directory: Path,
        tools: Toolchain,
        *,
        run: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._files, self._directory, self._tools, self._run = files, directory, tools, run
        self._kept = KeptPackages.of(files, tools.mirror, tools.cache)
        self._is_initialised = False

    def make_ready(self) -> None:
        """Write the files and install what they need, unless this was done before for the same files."""
        write_files(self._files, self._directory)
        (self._directory / CLI_CONFIG).write_text(cli_config(self._tools.mirror))
        marker, wanted = self._directory / _PREPARED, self._digest()
        if marker.exists() and marker.read_text() == wanted:
            return
        if self._kept is not None and self._kept.link(self._directory):
            self._run(GET)
        else:
            self._initialise()
        write_durably(marker, wanted.encode())

    def make_ready_again(self, error: EngineFailed) -> bool:
        """
        Run `init` if *error* says that it is needed and did not run yet; return whether to repeat the command.

        Such an error comes before anything is planned: the packages linked are damaged or gone.
        """
        if self._is_initialised or not is_unprepared(error):
            return False
        if self._kept is not None:
            self._kept.discard()
        self._initialise()
        return True

    def _initialise(self) -> None:
        shutil.rmtree(self._directory / PACKAGES, ignore_errors=True)
        self._run(INIT)
        self._is_initialised = True
        if self._kept is not None:
            self._kept.keep(self._directory)

    def _digest(self) -> str:
        parts = [f"{path} {hashlib.sha256(data).hexdigest()}" for path, data in sorted(self._files.items())]
        return hashlib.sha256("\n".join([self._tools.binary, str(self._tools.mirror), *parts]).encode()).hexdigest()


def check_files(files: Mapping[str, bytes], directory: Path) -> None:
    """
    Check that the workspace holds the artifact's files as they were written, and no other that Terraform reads.

    Raises:
        Tampered: It does not; names the first file.
    """
    for path, data in sorted(files.items()):
        place = directory / path
        if path != BACKEND_FILE and (not place.is_file() or place.is_symlink() or place.read_bytes() != data):
            raise Tampered(f"{place} was changed after it was written. Nothing was applied", file=path)
    for place in sorted(_read_by_terraform(directory)):
        if place.relative_to(directory).as_posix() not in files:
            raise Tampered(f"{place} is none of the artifact's files. Nothing was applied", file=place.name)


def _read_by_terraform(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name != PACKAGES.parts[0]]
        read = (name for name in names if is_configuration(name) or is_override(name) or is_variables(name))
        yield from (Path(folder) / name for name in read)


def is_unprepared(error: EngineFailed) -> bool:
    """Whether Terraform said that `init` must run first."""
    said = str(error).lower()
    return any(sign in said for sign in _UNPREPARED)


@dataclass(frozen=True, slots=True)
class KeptPackages:
    """
    The packages that an `init` with one lock file installed; shared by all processes of the machine.

    Attributes:
        folder: Appears whole, by rename, and does not change until it is thrown away.
    """

    folder: Path

    @classmethod
    def of(cls, files: Mapping[str, bytes], mirror: Path | None, cache: Path | None) -> KeptPackages | None:
        """Return those for the lock file among *files*; None without one, or without a cache."""
        lock = files.get(LOCK_FILE)
        if lock is None or cache is None:
            return None
        digest = hashlib.sha256(lock + f"\0{mirror}".encode()).hexdigest()
        return cls(cache.absolute() / "providers" / digest[:32])

    def link(self, directory: Path) -> bool:
        """Link the packages into the workspace; return False if there are none, or one of them is gone."""
        packages = sorted(self.folder.glob(_PACKAGE))
        if not packages or not all(package.is_dir() for package in packages):
            return False
        shutil.rmtree(directory / PACKAGES, ignore_errors=True)
        for package in packages:
            link = directory / PACKAGES / package.relative_to(self.folder)
            link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            link.symlink_to(package.resolve())
        return True

    def keep(self, directory: Path) -> None:
        """Keep the packages of a workspace; the first of several processes wins. A full disk costs time alone."""
        with suppress(OSError):
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".new-", ignore_cleanup_errors=True) as new:
                made = Path(new) / "packages"
                for package in _packages(directory / PACKAGES):
                    _copy(package, made / package.relative_to(directory / PACKAGES))
                made.rename(self.folder)

    def discard(self) -> None:
        """Throw them away; who has linked them finds them gone, and runs `init`."""
        with (
            suppress(OSError),
            tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".old-", ignore_cleanup_errors=True) as old,
        ):
            self.folder.rename(Path(old) / "packages")


def _packages(folder: Path) -> list[Path]:
    """Return the packages that an `init` put into *folder*; OpenTofu leaves a lock file beside each."""
    return [path for path in folder.glob(_PACKAGE) if path.is_dir()]


def _copy(package: Path, target: Path) -> None:
    """Copy a package; of a mirror's only the link to it."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if package.is_symlink():
        target.symlink_to(package.resolve())
    else:
        shutil.copytree(package, target, symlinks=True)


def write_files(files: Mapping[str, bytes], directory: Path) -> None:
    """
    Write an artifact's files below *directory*, all but the backend's: the state is local while it works.

    Raises:
        InvalidInput: A path leads out of the folder.
    """
    for path, data in files.items():
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
            raise InvalidInput(f"the artifact's path {path!r} leads out of its folder")
        if path != BACKEND_FILE:
            target = directory.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.unlink(missing_ok=True)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(data)
