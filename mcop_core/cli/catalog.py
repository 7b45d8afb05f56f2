"""`mcop catalog …` and `mcop schema`: what is published, and changing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap, publishing
from mcop_core.backup import back_up as write_backup
from mcop_core.backup import restore as read_backup
from mcop_core.catalog.difference import difference
from mcop_core.catalog.migrations import migrate as carry_out
from mcop_core.catalog.migrations import plan_migration
from mcop_core.catalog.repository import CatalogEntry, Standing
from mcop_core.catalog.schemas import json_schema
from mcop_core.catalog.versions import best_version
from mcop_core.cli.console import AsJson, out, print_json, print_table, settings
from mcop_core.errors import InvalidName, ObjectNotFound, closest
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.engines.base import Engine

catalog_app = typer.Typer(no_args_is_help=True, help="Publish and read versioned definitions.")

Object = Annotated[str, typer.Argument(metavar="KIND#NAME[@VERSION]", help="For example pattern#network@2.0.0.")]


def repository() -> CatalogRepository:
    """Return the catalog that the settings name."""
    return bootstrap.open_repository(settings())


def store() -> ObjectStore:
    """Return the artifact store that the settings name."""
    return bootstrap.open_store(settings().artifact_store)


def engine_opener() -> Callable[[str], Engine]:
    """Return what opens an engine by name with these settings."""
    return lambda name: bootstrap.open_engine(name, settings())


def find_entry(text: str, catalog: CatalogRepository) -> CatalogEntry:
    """
    Return the version that `kind#name[@version]` names; without a version the latest.

    Raises:
        InvalidName: Not of that form.
        ObjectNotFound: No such object or version, with the nearest.
    """
    if "@" in text:
        return catalog.get(ObjectRef.parse(text))
    kind, _, name = text.partition("#")
    if kind not in set(Kind) or not name:
        raise InvalidName(f"{text!r}: write KIND#NAME or KIND#NAME@VERSION; kinds: {', '.join(Kind)}", name=text)
    entries = {entry.ref.version: entry for entry in catalog.versions(Kind(kind), name)}
    best = best_version(entries, "latest") or next(reversed(entries), None)
    if best is None:
        published = catalog.keys()
        near = closest(name, {ref.name for ref in published if ref.kind == kind})
        raise ObjectNotFound(f"there is no {kind} {name!r}" + (f'. Did you mean "{near}"?' if near else ""))
    return entries[best]


def entry_document(entry: CatalogEntry) -> dict[str, Any]:
    """Return an entry as JSON: the document, and what happened to the version since."""
    return {
        "ref": str(entry.ref),
        "digest": entry.digest,
        "published_at": entry.published_at,
        "standing": entry.standing,
        "reason": entry.reason,
        "pins": dict(entry.pins),
        "document": entry.object.document(),
    }


@catalog_app.command()
def publish(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of YAML documents.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, publish nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Publish every document below FOLDER, or nothing.

    Example: mcop catalog publish include/catalog
    """
    if dry_run:
        publication = publishing.check_folder(folder, repository(), engine_opener())
        new = [str(candidate.object.ref) for candidate in publication.new]
        if as_json:
            print_json({"would_publish": new})
        else:
            out.print("\n".join([*(f"would publish {ref}" for ref in new), f"{len(new)} new versions, no faults"]))
        return
    report = publishing.publish_folder(folder, repository(), store(), engine_opener())
    if as_json:
        print_json(
            {
                "published": [str(ref) for ref in report.published],
                "unchanged": [str(ref) for ref in report.unchanged],
                "activated": dict(report.activated),
                "revision": report.revision,
            }
        )
        return
    for ref in report.published:
        out.print(f"published {ref}")
    for name, version in sorted(report.activated.items()):
        out.print(f"active    {name} is now {version}")
    out.print(f"{len(report.published)} published, {len(report.unchanged)} unchanged, revision {report.revision}")


@catalog_app.command("list")
def list_objects(
    kind: Annotated[Kind | None, typer.Argument(help="Only this kind.")] = None, as_json: AsJson = False
) -> None:
    """
    List published versions.

    Example: mcop catalog list pattern
    """
    catalog = repository()
    entries = catalog.entries(kind)
    if as_json:
        print_json([{"ref": str(e.ref), "standing": e.standing, "description": e.object.description} for e in entries])
        return
    running = {ObjectRef(Kind.MANIFEST, name, version) for name, version in catalog.active().items()}
    rows = [(e.ref.kind, e.ref.name, e.ref.version, e.standing, "*" if e.ref in running else "") for e in entries]
    print_table(("KIND", "NAME", "VERSION", "STANDING", "RUNS"), rows)


@catalog_app.command()
def get(ref: Object, as_json: AsJson = False) -> None:
    """
    Show one version; without a version the latest.

    Example: mcop catalog get pattern#network
    """
    document = entry_document(find_entry(ref, repository()))
    if as_json:
        print_json(document)
        return
    import yaml

    published = document.pop("document")
    facts = {name: str(value) if name != "pins" else value for name, value in document.items() if value}
    out.print(
        yaml.safe_dump(facts, sort_keys=False) + "---\n" + yaml.safe_dump(published, sort_keys=False), markup=False
    )


@catalog_app.command()
def versions(ref: Annotated[str, typer.Argument(metavar="KIND#NAME")], as_json: AsJson = False) -> None:
    """
    List the versions of one object, oldest first.

    Example: mcop catalog versions primitive#vpc
    """
    catalog = repository()
    found = find_entry(ref.partition("@")[0], catalog)
    entries = catalog.versions(found.ref.kind, found.ref.name)
    if as_json:
        print_json(
            [{"version": e.ref.version, "standing": e.standing, "published_at": e.published_at} for e in entries]
        )
        return
    print_table(
        ("VERSION", "PUBLISHED", "STANDING", "REASON"),
        [(e.ref.version, f"{e.published_at:%Y-%m-%d %H:%M:%S}Z", e.standing, e.reason) for e in entries],
    )


@catalog_app.command()
def diff(before: Object, after: Object, as_json: AsJson = False) -> None:
    """
    Compare two versions.

    Example: mcop catalog diff pattern#network@2.0.0 pattern#network@2.1.0
    """
    catalog = repository()
    changes = difference(find_entry(before, catalog).object, find_entry(after, catalog).object)
    if as_json:
        print_json([change.to_json() for change in changes])
        return
    for change in changes:
        out.print(str(change), markup=False)
    if not changes:
        out.print("no differences")


@catalog_app.command()
def uses(ref: Annotated[str, typer.Argument(metavar="KIND#NAME")], as_json: AsJson = False) -> None:
    """
    List the versions that refer to an object.

    Example: mcop catalog uses primitive#vpc
    """
    catalog = repository()
    found = find_entry(ref.partition("@")[0], catalog)
    users = catalog.users(found.ref.kind, found.ref.name)
    if as_json:
        print_json([str(user) for user in users])
        return
    out.print("\n".join(map(str, users)) or f"nothing uses {found.ref.key}")


def _set_standing(text: str, standing: Standing, reason: str) -> None:
    ref = find_entry(text, repository()).ref
    head = publishing.set_standing(repository(), store(), ref, standing, reason)
    out.print(f"{ref} is now {standing}, revision {head.revision}")


@catalog_app.command()
def deprecate(ref: Object, reason: Annotated[str, typer.Option(help="Shown to whoever uses it.")]) -> None:
    """
    Warn whoever uses a version.

    Example: mcop catalog deprecate primitive#vpc@1.0.0 --reason "use 1.1.0"
    """
    _set_standing(ref, Standing.DEPRECATED, reason)


@catalog_app.command()
def revoke(ref: Object, reason: Annotated[str, typer.Option(help="Shown to whoever uses it.")]) -> None:
    """
    Refuse new runs with a version.

    Example: mcop catalog revoke primitive#vpc@1.0.0 --reason "opens port 22"
    """
    _set_standing(ref, Standing.REVOKED, reason)


@catalog_app.command()
def reinstate(ref: Object) -> None:
    """
    Take a deprecation or revocation back.

    Example: mcop catalog reinstate primitive#vpc@1.0.0
    """
    _set_standing(ref, Standing.ACTIVE, "")


@catalog_app.command()
def activate(ref: Annotated[str, typer.Argument(metavar="MANIFEST@VERSION")]) -> None:
    """
    Choose the version that a manifest's DAG runs.

    Example: mcop catalog activate storefront-staging@1.0.0
    """
    entry = find_entry(f"manifest#{ref.removeprefix('manifest#')}", repository())
    head = publishing.activate(repository(), store(), entry.ref.name, entry.ref.version)
    out.print(f"{entry.ref} is active, revision {head.revision}")


@catalog_app.command()
def upgrade(
    manifest: Annotated[str, typer.Argument(help="Name of the manifest.")],
    yes: Annotated[bool, typer.Option("--yes", help="Pin the newer versions; without it only show them.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show what newer versions a manifest's requirements allow, and pin them with --yes.

    Example: mcop catalog upgrade storefront-staging --yes
    """
    planned = publishing.plan_upgrade(repository(), manifest)
    pinned = yes and bool(planned.changes)
    if pinned:
        publishing.upgrade(repository(), store(), planned)
    if as_json:
        changes = [{"pin": pin, "before": before, "after": after} for pin, before, after in planned.changes]
        print_json({"manifest": str(planned.ref), "changes": changes, "pinned": pinned})
        return
    if not planned.changes:
        out.print(f"{planned.ref} already pins the newest versions")
        return
    print_table(("PIN", "NOW", "THEN"), [(pin, now or "-", then or "-") for pin, now, then in planned.changes])
    out.print(f"{planned.ref} pinned" if pinned else "nothing changed: repeat with --yes to pin these")


@catalog_app.command()
def backup(file: Annotated[Path, typer.Argument(dir_okay=False)]) -> None:
    """
    Write the whole catalog, template files included, to one file.

    Example: mcop catalog backup catalog.jsonl
    """
    out.print(f"{write_backup(repository(), store(), file)} versions written to {file}")


@catalog_app.command()
def restore(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """
    Fill an empty catalog from a backup; run it again to go on after an interruption.

    Example: mcop catalog restore catalog.jsonl
    """
    out.print(f"{read_backup(repository(), store(), file)} versions restored from {file}")


@catalog_app.command()
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False, as_json: AsJson = False
) -> None:
    """
    Move stored objects to this version's document form.

    Example: mcop catalog migrate --dry-run
    """
    planned = plan_migration(repository())
    if not dry_run:
        carry_out(repository(), planned)
    if as_json:
        print_json(
            [
                {"ref": str(d.ref), "from": d.from_version, "changes": [c.to_json() for c in d.differences]}
                for d in planned.documents
            ]
        )
        return
    for document in planned.documents:
        out.print(f"{document.ref} from schema version {document.from_version}")
        out.print("\n".join(f"  {change}" for change in document.differences), markup=False)
    out.print(f"{len(planned.documents)} objects {'would be migrated' if dry_run else 'migrated'}")


def schema(kind: Annotated[Kind, typer.Argument(help="Kind of document.")]) -> None:
    """
    Print the JSON Schema of a kind of document, for editors.

    Example: mcop schema pattern > pattern.schema.json
    """
    print_json(json_schema(kind))
