"""The strategy: the ten calls, each one look at a folder or one change of a file."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mcop_core.clouds.config import CloudConfig, check_options
from mcop_core.clouds.models import (
    Cluster,
    ClusterLogin,
    ClusterRef,
    Instance,
    InstanceRef,
    InstanceState,
    Order,
    Quota,
    Region,
)
from mcop_core.clouds.strategy import Capability, Page, Tag
from mcop_core.errors import InvalidInput, NotInCloud, QuotaExceeded, Unsupported

_STATES: Mapping[str, InstanceState] = {
    "booting": InstanceState.PENDING,
    "up": InstanceState.RUNNING,
    "down": InstanceState.STOPPED,
}


class FolderOptions(BaseModel):
    """
    What this cloud alone has.

    Attributes:
        folder: Where the cloud lies.
        sizes: What it offers.
        most: How many instances a region may have.
        page_size: Instances of one answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    folder: str
    sizes: list[str] = ["small", "large"]
    most: int = Field(default=100, ge=0)
    page_size: int = Field(default=50, ge=1)


class FolderStrategy:
    """
    One folder; a region is a folder in it.

    Args:
        credentials: Not needed.
    """

    capabilities = frozenset(
        {
            Capability.LIST_INSTANCES,
            Capability.WORKERS,
            Capability.CREATE_TOKENS,
            Capability.REGIONAL_LISTS,
            Capability.QUOTAS,
        }
    )

    def __init__(self, config: CloudConfig, credentials: Mapping[str, str]) -> None:
        self.config = config
        self._options: FolderOptions = check_options(FolderOptions, config)
        self._creating = threading.Lock()  # several calls run at once: a cloud counts and creates as one

    def regions(self) -> tuple[Region, ...]:
        """Return the folders in the folder."""
        return tuple(Region(one.name) for one in sorted(Path(self._options.folder).iterdir()) if one.is_dir())

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return the instances whose ids follow *cursor*."""
        files = [one for one in self._files(str(region)) if one.stem > (cursor or "")]
        shown = files[: self._options.page_size]
        found = [self._instance(one, json.loads(one.read_text())) for one in shown]
        wanted = tuple(one for one in found if only is None or one.tags.get(only.key) == only.value)
        return Page(wanted, shown[-1].stem if len(shown) < len(files) else None)

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one instance; whoever looks at one that boots finds it up the next time."""
        file = self._file(ref)
        fields = json.loads(file.read_text())
        found = self._instance(file, fields)
        if fields["state"] == "booting":
            self._write(file, {**fields, "state": "up"})
        return found

    def create_instance(self, order: Order) -> Instance:
        """Write a file that is named by the token: the same order again finds it there."""
        if order.size not in self._options.sizes:
            allowed = ", ".join(self._options.sizes)
            raise InvalidInput(f"cloud {self.config.name} has no size {order.size!r}. Allowed: {allowed}.")
        with self._creating:
            return self._created(order, self._region(order.region) / f"{order.token[:16]}.json")

    def _created(self, order: Order, file: Path) -> Instance:
        if file.exists():
            return self._instance(file, json.loads(file.read_text()))
        if len(self._files(order.region)) >= self._options.most:
            raise QuotaExceeded(f"{order.region} may have {self._options.most} instances", code="most")
        fields = {
            "name": order.name,
            "state": "booting",
            "size": order.size,
            "image": order.image,
            "tags": dict(order.tags),
            "address": f"10.0.0.{len(self._files(order.region)) + 1}",
            "created": datetime.now(UTC).isoformat(),
        }
        self._write(file, fields)
        return self._instance(file, fields)

    def delete_instance(self, ref: InstanceRef) -> None:
        """Remove the file."""
        self._file(ref).unlink()

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Refuse: MCOP never asks what is not among the capabilities."""
        raise Unsupported("a folder has no clusters")

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """Refuse."""
        raise Unsupported("a folder has no clusters")

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Refuse."""
        raise Unsupported("a folder has no clusters")

    def check(self, region: str) -> tuple[Quota, ...]:
        """Return how many instances there may be."""
        return (Quota("instances", len(self._files(region)), self._options.most),)

    # -- files -------------------------------------------------------------------------------------------

    def _region(self, name: str) -> Path:
        folder = Path(self._options.folder) / name
        if not folder.is_dir():
            raise NotInCloud(f"cloud {self.config.name} has no region {name!r}")
        return folder

    def _write(self, file: Path, fields: Mapping[str, Any]) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(fields))
        fresh.replace(file)  # whole or not at all: others read meanwhile

    def _files(self, region: str) -> list[Path]:
        return sorted(self._region(region).glob("*.json"))

    def _file(self, ref: InstanceRef) -> Path:
        file = self._region(ref.region) / f"{ref.id}.json"
        if not file.is_file():
            raise NotInCloud(f"cloud {self.config.name} has no instance {ref.id} in {ref.region}")
        return file

    def _instance(self, file: Path, fields: Mapping[str, Any]) -> Instance:
        return Instance(
            cloud=self.config.name,
            provider=self.config.provider,
            region=file.parent.name,
            id=file.stem,
            name=fields["name"],
            state=_STATES.get(fields["state"], InstanceState.UNKNOWN),
            native_state=fields["state"],
            size=fields["size"],
            image=fields["image"],
            private_addresses=(fields["address"],),
            created_at=datetime.fromisoformat(fields["created"]).astimezone(UTC),
            tags=fields["tags"],
            raw=fields,
        )
