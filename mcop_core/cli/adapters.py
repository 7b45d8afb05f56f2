"""`mcop adapters …`: which engine and provider serve what, and what of it this machine has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core.cli.catalog import engine_opener, repository
from mcop_core.cli.console import EXIT_CODES, AsJson, CatalogFolder, print_json, print_lines, say, settings, tell
from mcop_core.cli.help import Commands
from mcop_core.errors import NotFound, UnknownName, closest
from mcop_core.refs import Kind

if TYPE_CHECKING:
    from mcop_core.catalog.models import Adapter
    from mcop_core.engines.base import Need

adapters_app = Commands(help="Which engine and provider serve what.")

_WORDS = {True: "yes", False: "no", None: "cannot be told"}


@adapters_app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ADAPTER", help="Left out: all that are published.")
    ] = None,
    folder: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """
    Say what each adapter needs, and whether this machine has it.

    Looked for are the engine, its program, the provider in a version that the adapter allows, and by name the variables
    in which the provider finds its credentials. No cloud is asked. The exit code is 3 if something is missing.

    Example: mcop adapters check

    Example: mcop adapters check --catalog include/adapters gcp-terraform
    """
    found = [(adapter, _needs(adapter)) for adapter in _chosen(_latest(folder), names or [])]
    if as_json:
        print_json([{"adapter": str(adapter.ref), "needs": [asdict(need) for need in its]} for adapter, its in found])
    else:
        for adapter, its in found:
            say(f"{adapter.name}@{adapter.version} serves {adapter.provider}/{adapter.primitive_type}", bold=True)
            print_lines(f"  {_WORDS[need.found]:15} {need.what}: {need.detail}" for need in its)
    missing = [adapter.name for adapter, its in found if any(need.found is False for need in its)]
    if missing:
        tell(f"{len(missing)} of {len(found)} adapters cannot be used on this machine: {', '.join(missing)}")
        raise typer.Exit(EXIT_CODES[NotFound])


def _needs(adapter: Adapter) -> list[Need]:
    from mcop_core.engines.base import Need

    what = f"engine {adapter.engine}"
    try:
        engine = engine_opener()(adapter.engine)
    except UnknownName as error:
        return [Need(what, False, error.message)]
    return [Need(what, True, "installed"), *engine.needs(adapter)]


def _latest(folder: Path | None) -> dict[str, Adapter]:
    """Return name -> the latest version of each adapter that may be used, sorted."""
    from mcop_core.catalog.models import Adapter
    from mcop_core.catalog.versions import version_key

    adapters = [item for item in _published() if isinstance(item, Adapter)] if folder is None else _written(folder)
    return {item.name: item for item in sorted(adapters, key=lambda item: (item.name, version_key(item.version)))}


def _published() -> Iterable[Any]:
    from mcop_core.catalog.repository import Standing

    entries = repository().entries(Kind.ADAPTER)
    return (entry.object for entry in entries if entry.standing is not Standing.REVOKED)


def _written(folder: Path) -> list[Adapter]:
    from mcop_core.catalog.models import Adapter
    from mcop_core.catalog.yaml_files import read_whole_folder

    sources = read_whole_folder(folder, limits=settings().limits)
    return [source.object for source in sources if isinstance(source.object, Adapter)]


def _chosen(adapters: dict[str, Adapter], names: list[str]) -> list[Adapter]:
    for name in names:
        if name not in adapters:
            near = closest(name, adapters)
            hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(adapters) or 'none'}."
            raise NotFound(f"there is no adapter {name!r}. {hint}", suggestion=near)
    return [item for name, item in adapters.items() if not names or name in names]
