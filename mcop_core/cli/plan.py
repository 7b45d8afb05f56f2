"""`mcop plan` and `mcop render`: what a manifest compiles to, without Airflow and, with --catalog, without a cloud."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli import catalog as catalog_commands
from mcop_core.cli.console import AsJson, CatalogFolder, Sets, print_json, print_table, say, settings
from mcop_core.errors import InvalidDocuments, InvalidInput
from mcop_core.refs import ObjectRef, OutputRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.compiler.plan import DeploymentPlan

ManifestArgument = Annotated[
    str, typer.Argument(metavar="MANIFEST[@VERSION]", help="Without a version the active one.")
]


class Format(StrEnum):
    """How `mcop plan` prints."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"


def plan(
    manifest: ManifestArgument,
    folder: CatalogFolder = None,
    sets: Sets = [],  # noqa: B006 (Typer reads the default once)
    explain_values: Annotated[bool, typer.Option("--explain", help="Show which layer set every value.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print.")] = Format.TEXT,
    as_json: AsJson = False,
) -> None:
    """
    Print what a manifest compiles to.

    With --set, check that a run may override these parameters; --explain shows what comes of it. A parameter that
    chooses a provider, which a run may not, is compiled with this value.

    Example: mcop plan storefront-staging --catalog include/catalog --explain
    """
    from mcop_core.compiler.outline import to_dot, to_json, to_text

    with compiled_plan(manifest, folder, sets) as (compiled, _):
        overrides = checked_overrides(compiled, _without_choices(compiled, sets))
    if explain_values:
        _print_explanation(compiled, overrides, as_json=as_json or form is Format.JSON)
    elif as_json or form is Format.JSON:
        say(to_json(compiled))
    else:
        say(to_dot(compiled) if form is Format.DOT else to_text(compiled))


def _print_explanation(compiled: DeploymentPlan, overrides: Mapping[str, Any], *, as_json: bool) -> None:
    from mcop_core.compiler.outline import explain

    rows = explain(compiled, overrides)
    if as_json:
        print_json([{"step": r.step, "input": r.input, "value": r.value, "layer": r.layer, "via": r.via} for r in rows])
        return
    for step, inputs in groupby(rows, key=lambda row: row.step):
        say(step, bold=True)
        for row in inputs:
            say(f"  {row.input} = {row.value}")
            say(f"      {row.layer}: {row.via}", dim=True)


def render(
    manifest: ManifestArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", file_okay=False, help="Folder to write the roots to.")
    ],
    folder: CatalogFolder = None,
    sets: Sets = [],  # noqa: B006 (Typer reads the default once)
    outputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="JSON: workflow.pattern.element.output to value."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write the artifact of each step whose inputs are known.

    Steps that need outputs of others are rendered when --outputs gives them, and named when not.

    Example: mcop render storefront-staging --catalog include/catalog -o rendered
    """
    with compiled_plan(manifest, folder, sets) as (compiled, store):
        overrides = checked_overrides(compiled, _without_choices(compiled, sets))
        rows = render_all(compiled, store, output, overrides, _read_outputs(outputs))
    if as_json:
        print_json(rows)
        return
    columns = ("STEP", "ARTIFACT", "WAITS FOR")
    print_table(columns, [(row["step"], row["artifact"] or "-", ", ".join(row["waits_for"])) for row in rows])


def render_all(
    compiled: DeploymentPlan,
    store: ObjectStore,
    output: Path,
    overrides: Mapping[str, Any],
    known: Mapping[OutputRef, Any],
) -> list[dict[str, Any]]:
    """Render what can be, and return a row per step: its artifact's digest, or the outputs it waits for."""
    from mcop_core.compiler.resolution import needed_outputs
    from mcop_core.rendering import render_step

    rows: list[dict[str, Any]] = []
    for step in compiled.steps:
        missing = [str(ref) for ref in needed_outputs(compiled, step.id, overrides) if ref not in known]
        rows.append({"step": step.id, "artifact": None, "waits_for": missing})
        if missing:
            continue
        engine = bootstrap.open_engine(step.engine, settings())
        with tempfile.TemporaryDirectory() as cache:
            artifact = render_step(compiled, step.id, engine, store, Path(cache), overrides=overrides, outputs=known)
        write_files(artifact.files, output / step.id)
        rows[-1]["artifact"] = artifact.digest
    return rows


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write path -> bytes below *folder*."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _read_outputs(path: Path | None) -> dict[OutputRef, Any]:
    if path is None:
        return {}
    try:
        return {OutputRef.parse(name): value for name, value in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise InvalidInput(
            f"{path}: write a JSON object of workflow.pattern.element.output to value: {error}"
        ) from error


def checked_overrides(compiled: DeploymentPlan, sets: list[str]) -> dict[str, Any]:
    """
    Return the overrides *sets* as values.

    Raises:
        InvalidDocuments: A run may not have them; every fault.
    """
    from mcop_core.cli.overrides import read_overrides
    from mcop_core.compiler.resolution import check_overrides

    overrides = read_overrides(sets, {door.name: door.schema_ for door in compiled.parameters})
    faults = check_overrides(compiled, overrides, settings().limits)
    if faults:
        raise InvalidDocuments.of(faults)
    return overrides


def _without_choices(compiled: DeploymentPlan, sets: list[str]) -> list[str]:
    return [item for item in sets if item.partition("=")[0] not in compiled.chosen_by]


@contextmanager
def compiled_plan(
    text: str, folder: Path | None, choices: Sequence[str] = ()
) -> Iterator[tuple[DeploymentPlan, ObjectStore]]:
    """
    Compile from the catalog, or from YAML files published into memory and a folder that is gone afterwards.

    Args:
        choices: `name=value`; those that choose a provider are compiled in, the others are left out.
    """
    if folder is None:
        store = catalog_commands.store()
        kept = Path(settings().cache_dir)
        yield _compile_published(text, catalog_commands.repository(), store, choices, kept), store
        return
    from mcop_core.catalog.memory import MemoryRepository
    from mcop_core.publishing import publish_folder

    repository = MemoryRepository()
    with tempfile.TemporaryDirectory(prefix="mcop-") as temporary:
        store = bootstrap.open_store(Path(temporary).as_uri())
        opener, limits = catalog_commands.engine_opener(), settings().limits
        publish_folder(folder, repository, store, opener, lock=False, limits=limits)
        yield _compile_published(text, repository, store, choices, Path(temporary)), store


def _compile_published(
    text: str, repository: CatalogRepository, store: ObjectStore, choices: Sequence[str], cache_dir: Path
) -> DeploymentPlan:
    from mcop_core.compiler.published import compile_chosen, compile_entry, plan_of_active

    name, _, version = text.removeprefix("manifest#").partition("@")
    plan = plan_of_active(repository, store, name, version, cache_dir=cache_dir)
    if plan is None:
        version = version or repository.active().get(name, "")
        found = catalog_commands.find_entry(f"manifest#{name}" + (f"@{version}" if version else ""), repository)
        plan = compile_entry(repository, found)
    chosen = dict(item.partition("=")[::2] for item in choices if item.partition("=")[0] in plan.chosen_by)
    return compile_chosen(repository, repository.get(ObjectRef.parse(plan.manifest)), plan, chosen) if chosen else plan
