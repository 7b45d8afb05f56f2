"""What an operation works with on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcop_core.engines.terraform.warm import NO_POOL, WarmProviders


@dataclass(frozen=True, slots=True)
class Toolchain:
    """
    The program, and where what it installs lies.

    Attributes:
        binary: Path or name of Terraform or OpenTofu.
        mirror: Folder of provider packages; None for the registry.
        cache: Folder of what can be fetched again, see `preparation`; None: nothing is kept.
        warm: Provider processes that run already.
    """

    binary: str
    mirror: Path | None = None
    cache: Path | None = None
    warm: WarmProviders = NO_POOL


NO_TOOLS = Toolchain("")
"""Of what starts no program."""
