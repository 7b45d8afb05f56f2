"""The confs of `mcop_workers` and `mcop_inventory`: the fields of their forms, and what they must come to together."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import Param

from mcop_core.clouds.ours import WORKER_NAME
from mcop_core.errors import Fault, InvalidDocuments, McopError, closest
from mcop_core.fleet import read_clouds
from mcop_core.refs import NAME_PATTERN
from mcop_core.settings import Settings

CLOUDS_KEY = "clouds"
"""Key of the conf of `mcop_inventory`: the clouds to look at; left out: all."""
ACTIONS: Mapping[str, frozenset[str]] = {
    "list": frozenset(),
    "create": frozenset({"names", "count", "places"}),
    "delete": frozenset({"names"}),
    "delete-all": frozenset({"count"}),
}
"""Action -> what it reads of the conf beside the cloud."""
_NEEDS = {"create": "names", "delete": "names", "delete-all": "count"}
_WHERE = "conf"
_NONE: tuple[Any, ...] = (None, "", [])
"""What a field of the form holds that was left empty."""


def configured_clouds() -> tuple[str, ...]:
    """
    Return the names of the configured clouds, sorted.

    Where their files cannot be read there are none: the DAG stays, and its tasks say what is wrong.
    """
    folder = Settings.from_environment(os.environ).clouds
    try:
        return tuple(read_clouds(Path(folder))) if folder else ()
    except (McopError, OSError) as error:
        logging.getLogger(__name__).warning("the clouds cannot be offered in forms: %s", error)
        return ()


def workers_params() -> dict[str, Param]:
    """Return the DAG Params of `mcop_workers`; the only cloud that is configured need not be chosen."""
    clouds = configured_clouds()
    cloud = {"enum": list(clouds)} if clouds else {"pattern": f"^{NAME_PATTERN}$"}
    names = {"type": "string", "pattern": f"^{WORKER_NAME}$"}
    action = (
        "list: say which workers there are. create: make those that are not there. delete: by name. "
        "delete-all: every one, if count is how many there are."
    )
    return {
        "action": Param("list", action, type="string", enum=list(ACTIONS), title="action"),
        "cloud": Param(
            *clouds if len(clouds) == 1 else (),
            description="Which configured cloud.",
            type="string",
            title="cloud",
            **cloud,
        ),
        "names": Param(
            None,
            "create, delete: the workers' names, one a line.",
            type=["array", "null"],
            items=names,
            title="names",
        ),
        "count": Param(
            None,
            "create: so many of one name, NAME-1, NAME-2 and so on. "
            "delete-all: how many there are; with another number nothing is deleted.",
            type=["integer", "null"],
            minimum=0,
            maximum=1000,
            title="count",
        ),
        "places": Param(
            None,
            "create: region, region/zone or cloud:region, one a line; the next one where one is full. "
            "Left empty: as the cloud is configured.",
            type=["array", "null"],
            items={"type": "string"},
            title="places",
        ),
    }


def inventory_params() -> dict[str, Param]:
    """Return the DAG Params of `mcop_inventory`."""
    clouds = list(configured_clouds())
    items = {"type": "string", "enum": clouds} if clouds else {"type": "string"}
    offered = {"examples": clouds} if clouds else {}
    told = "Which configured clouds. Left empty: all."
    return {CLOUDS_KEY: Param(None, told, type=["array", "null"], items=items, title=CLOUDS_KEY, **offered)}


def check_workers_conf(conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run of `mcop_workers` with *conf* says what its action needs, and nothing that it would not heed.

    Raises:
        InvalidDocuments: Every fault, naming the key.
    """
    given = dict(conf or {})
    action = given.get("action", "list")
    faults = [*_unknown(given, ("action", "cloud", *_READ)), *_of_action(action, given)]
    if faults:
        raise InvalidDocuments.of(faults)


def check_inventory_conf(conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run of `mcop_inventory` with *conf* is asked for nothing that it would not heed.

    Raises:
        InvalidDocuments: Every fault, naming the key.
    """
    faults = list(_unknown(conf or {}, (CLOUDS_KEY,)))
    if faults:
        raise InvalidDocuments.of(faults)


_READ = ("names", "count", "places")


def _unknown(given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Fault]:
    for key in sorted(set(given) - set(known)):
        yield Fault("is no key of this conf.", _WHERE, key, allowed=known, suggestion=closest(key, known))


def _of_action(action: str, given: Mapping[str, Any]) -> Iterable[Fault]:
    for key in _READ:
        is_said = given.get(key) not in _NONE
        if is_said and key not in ACTIONS[action]:
            yield Fault(f"{action} does not heed it: leave it empty.", _WHERE, key)
        if not is_said and key == _NEEDS.get(action):
            yield Fault(f"{action} needs it.", _WHERE, key)
    if action == "create" and given.get("count") == 0:
        yield Fault("0 workers are none: say 1 or more, or leave it empty.", _WHERE, "count")
