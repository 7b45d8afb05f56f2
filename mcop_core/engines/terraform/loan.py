"""What a keeper of a provider and those who borrow it agree on: where they meet, and what they say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

DONE = b"done\n"
"""Says who has the provider, to give it back."""
END = b"end\n"
"""Says who has the provider, to end it."""
IDLE_S = 300.0
"""How long a provider is kept that nobody wants, seconds."""


@dataclass(frozen=True, slots=True)
class KeeperPaths:
    """Where a keeper has its sockets, and the folder in which its provider works."""

    pool: Path
    name: str

    @property
    def socket(self) -> Path:
        """Where clients connect."""
        return self.pool / f"{self.name}.sock"

    @property
    def schema(self) -> Path:
        """Where the schema proxy listens."""
        return self.pool / f"{self.name}.schema"

    @property
    def way(self) -> Path:
        """Where Terraform connects: a link to the schema proxy, or to the provider."""
        return self.pool / f"{self.name}.way"

    @property
    def folder(self) -> Path:
        """Where the provider works; holds links to what lies where Terraform works."""
        return self.pool / self.name

    def clear(self) -> None:
        """Remove them."""
        for path in (self.socket, self.schema, self.way):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def lead_to(self, socket: Path) -> None:
        """Make `way` lead to *socket*, for whoever connects from now on."""
        new = self.pool / f"{self.name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(socket)
        new.rename(self.way)
