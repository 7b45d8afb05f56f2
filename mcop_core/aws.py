"""EDGE botocore: clients of AWS for MCOP's own stores; what they know of each service is read once in a process."""

from __future__ import annotations

from functools import cache
from typing import Any


def open_client(
    service: str, *, region: str | None = None, connect_s: float = 5, read_s: float = 30, **options: Any
) -> Any:
    """
    Return a client of *service*; region, credentials and endpoint as boto3 finds them now. Nothing is asked yet.

    A request is over in seconds: it is repeated three times, and any more patience is the caller's.

    Args:
        connect_s, read_s: Seconds that one attempt waits.
        options: As botocore's `Config` takes them.
    """
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": 4},
        **options,
    )
    session = botocore.session.Session()
    session.register_component("data_loader", _descriptions())
    return session.create_client(service, region_name=region, config=config)


@cache
def _descriptions() -> Any:
    """Return what reads the descriptions of services; a session of its own would read and parse them again."""
    import botocore.session

    return botocore.session.Session().get_component("data_loader")
