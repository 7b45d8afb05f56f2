"""
EDGE subprocess: which program runs, and whether it is the one that adapter and module ask for.

An adapter may say `tool: opentofu` or `tool: terraform`; one that says nothing takes what the machine is set up with.
What the program is, it is asked itself: a `terraform` on PATH may well be OpenTofu under another name. It is asked
with PATH and HOME alone, before anything that has credentials runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcop_core.catalog.versions import LATEST, check_requirement, satisfies
from mcop_core.engines.terraform.command import run
from mcop_core.errors import EngineFailed, Refused, closest

if TYPE_CHECKING:
    from mcop_core.catalog.models import AdapterSettings
    from mcop_core.settings import Settings

_KNOWN_BY = re.compile(r"^(Terraform|OpenTofu) v(\d+\.\d+\.\d+)(-[0-9A-Za-z.-]+)?(?:\+\S+)?$", re.MULTILINE | re.ASCII)
_ASKED_WITH = ("PATH", "HOME")
_QUIET = {"CHECKPOINT_DISABLE": "1"}


class Tool(StrEnum):
    """The programs that an adapter may name."""

    TERRAFORM = "terraform"
    OPENTOFU = "opentofu"


_SETTING = {Tool.TERRAFORM: "MCOP_TERRAFORM", Tool.OPENTOFU: "MCOP_OPENTOFU"}
_CALLED = {Tool.TERRAFORM: "Terraform", Tool.OPENTOFU: "OpenTofu"}


@dataclass(frozen=True, slots=True)
class Program:
    """
    A program as it tells of itself.

    Attributes:
        path: Path or name by which it is started.
        version: `1.12.6`; a pre-release with its `-rc1`.
    """

    path: str
    tool: Tool
    version: str

    @property
    def title(self) -> str:
        """`OpenTofu 1.12.6`."""
        return f"{_CALLED[self.tool]} {self.version}"

    def __str__(self) -> str:
        return f"{self.title} ({self.path})"


@dataclass(frozen=True, slots=True)
class Demand:
    """
    What a component asks of the program that runs it.

    Attributes:
        tool: Value of `Tool`; empty: whichever the machine is set up with.
        tool_version: What the adapter allows; empty: every version.
        required_version: What the module allows; empty: every version.
    """

    tool: str = ""
    tool_version: str = ""
    required_version: str = ""

    @classmethod
    def of(cls, settings: AdapterSettings, required_version: str = "") -> Demand:
        """Return what an adapter's *settings* and a module ask for."""
        return cls(settings.tool, settings.tool_version, required_version)

    @classmethod
    def read(cls, runtime: Mapping[str, Any]) -> Demand:
        """Return what an artifact asks for, whose *runtime* holds what `to_json` wrote."""
        return cls(**runtime.get("terraform", {}))

    def to_json(self) -> dict[str, str]:
        """Return the form that it has in an artifact: what is asked for, and nothing else."""
        texts = {"tool": self.tool, "tool_version": self.tool_version, "required_version": self.required_version}
        return {name: text for name, text in texts.items() if text}

    def binary(self, settings: Settings) -> str:
        """Return the path or name of the program that is to run it."""
        return settings.opentofu if self.tool == Tool.OPENTOFU else settings.terraform

    def hold(self, binary: str, environment: Mapping[str, str], where: str) -> None:
        """
        Check that *binary* is what is asked for.

        Args:
            environment: Of the caller; PATH and HOME are read.
            where: The component, for people.

        Raises:
            Refused: It is another program, or a version that adapter or module do not allow.
            EngineFailed: It cannot be started, or does not tell what it is.
        """
        if not self.to_json():
            return
        faults = list(self.faults(identify(binary, environment)))
        if faults:
            raise Refused(f"{where}: nothing was run. " + " ".join(faults))

    def faults(self, program: Program) -> Iterator[str]:
        """Say what keeps *program* from running it, one sentence each. Pure."""
        if self.tool and program.tool != self.tool:
            wanted = Tool(self.tool)
            yield (
                f"The adapter asks for {_CALLED[wanted]} (settings.tool), and {_SETTING[wanted]} names {program}: "
                f"set {_SETTING[wanted]} to the path of {_CALLED[wanted]} on this machine."
            )
            return
        asked = {"the adapter's settings.tool_version": self.tool_version}
        asked["the module's required_version"] = self.required_version
        for by, allowed in asked.items():
            if allowed and not (is_constraint(allowed) and satisfies(program.version, allowed)):
                yield f"{program} is there, and {by} allows {allowed}."


def settings_problems(settings: AdapterSettings) -> list[str]:
    """Say what is wrong with the tool that an adapter's *settings* name, one sentence each."""
    problems = []
    if settings.tool and settings.tool not in tuple(Tool):
        near = closest(settings.tool, tuple(Tool))
        hint = f' Did you mean "{near}"?' if near else ""
        problems.append(f"settings.tool is {settings.tool!r}. Allowed: {', '.join(Tool)}.{hint}")
    if settings.tool_version and not is_constraint(settings.tool_version):
        problems.append(f"settings.tool_version is {settings.tool_version!r}: write >= 1.10, < 2.0 or ~> 1.11")
    return problems


def is_constraint(text: str) -> bool:
    """Whether *text* is a version constraint as Terraform has them."""
    try:
        check_requirement(text)
    except ValueError:
        return False
    return text.strip() != LATEST


def identify(binary: str, environment: Mapping[str, str]) -> Program:
    """
    Return what *binary* tells of itself; the same file is asked once.

    Raises:
        EngineFailed: It cannot be started, or is neither Terraform nor OpenTofu.
    """
    path = shutil.which(binary, path=environment.get("PATH")) or binary
    asked_with = tuple((name, environment[name]) for name in _ASKED_WITH if name in environment)
    try:
        found = Path(path).stat()
    except OSError:
        return _ask(path, asked_with, ())
    return _ask(path, asked_with, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=32)
def _ask(path: str, environment: tuple[tuple[str, str], ...], file: tuple[int, ...]) -> Program:
    """Ask the program at *path*; *file* tells one that took its place from the one that was asked before."""
    done = run(path, ["version"], cwd=Path("/"), environment={**dict(environment), **_QUIET})
    known = _KNOWN_BY.search(done.stdout)
    if done.exit_code != 0 or known is None:
        said = (done.stderr or done.stdout).strip()[:200]
        raise EngineFailed(f"{path} does not tell that it is Terraform or OpenTofu: {said or 'it says nothing'}")
    name, version, pre = known.groups(default="")
    return Program(path, Tool(name.lower()), version + pre)
