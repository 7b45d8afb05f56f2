"""
EDGE http: the AWS emulator of a stack, and what must exist in it before MCOP can work.

The emulator is ministack. It keeps its world in the stack's folder when it is stopped, so that a restarted stack
finds its catalog, its states and everything that was deployed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from mcop_core.catalog.models import CatalogObject, Manifest, Workflow
from mcop_core.embedded.foundation import lay_foundation
from mcop_core.embedded.home import Home
from mcop_core.embedded.processes import Component
from mcop_core.embedded.surroundings import LOCAL, cloud_environment

if TYPE_CHECKING:
    from mcop_core.settings import Settings

NAME = "emulator"
_PARAMETER = re.compile(r"\$?\{([a-z][a-z0-9_-]*)\}")


def emulator_component(home: Home, port: int, base: Mapping[str, str]) -> Component:
    """Return the emulator on *port* of 127.0.0.1; *base* is `local_environment`."""
    own = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOCAL,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.cloud / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.cloud / "objects"),
        # Servers beside the API, which would listen on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    # Stopping writes the whole world down: it gets time for that.
    program = str(Path(sys.executable).parent / "ministack")
    return Component(NAME, (program,), own, base, home.logs / "emulator.log", stop_s=60.0)


def is_ready(port: int) -> bool:
    """Whether the emulator on *port* answers."""
    try:
        return httpx.get(f"http://{LOCAL}:{port}/_ministack/ready", timeout=5.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


def state_buckets(objects: Iterable[CatalogObject]) -> dict[str, str]:
    """
    Return bucket -> region for the states of every manifest among *objects*.

    A workflow's backend names its bucket, or the parameter of the manifest's configuration that does.
    """
    known = list(objects)
    backends = {item.name: item.backend.model_dump() for item in known if isinstance(item, Workflow)}
    found: dict[str, str] = {}
    for manifest in (item for item in known if isinstance(item, Manifest)):
        for use in manifest.workflows.values():
            values = {**manifest.configuration, **use.overrides}
            bucket = _value(backends.get(use.workflow, {}).get("bucket"), values)
            region = _value(backends.get(use.workflow, {}).get("region"), values)
            if bucket:
                found[bucket] = region or "us-east-1"
    return found


def _value(template: Any, values: Mapping[str, Any]) -> str:
    """Return the text that *template* is: a literal, or one reference to a configuration value; else nothing."""
    if not isinstance(template, str):
        return ""
    reference = _PARAMETER.fullmatch(template)
    found = values.get(reference.group(1), "") if reference else template
    return found if isinstance(found, str) and "{" not in found else ""


def prepare_cloud(settings: Settings, port: int, buckets: Mapping[str, str]) -> None:
    """
    Create the catalog's tables and every bucket that is not there: bucket -> region.

    Raises:
        Unreachable: The emulator did not answer, or refused.
    """
    cloud = cloud_environment(port)
    lay_foundation(
        settings,
        buckets,
        endpoint_url=cloud["AWS_ENDPOINT_URL"],
        region_name=cloud["AWS_REGION"],
        aws_access_key_id=cloud["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud["AWS_SECRET_ACCESS_KEY"],
    )
