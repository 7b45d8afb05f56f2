"""`mcop catalog …` and `mcop schema`: what is published, and changing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_lines, print_table, say, settings
from mcop_core.cli.help import Commands
from mcop_core.errors import InvalidName, ObjectNotFound, closest
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogEntry, CatalogRepository, Standing
    from mcop_core.engines.base import Engine
    from mcop_core.publishing import PublicationReport

catalog_app = Commands(help="Publish and read versioned definitions.")

Object = Annotated[str, typer.Argument(metavar="KIND#NAME[@VERSION]", help="For example pattern#network@2.0.0.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Shown to whoever uses it.")]


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
    from mcop_core.catalog.versions import best_version

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
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Folder of YAML documents.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, publish nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Publish every document below FOLDER, or nothing.

    Example: mcop catalog publish include/catalog

    Example: mcop catalog publish include/catalog --dry-run
    """
    from mcop_core import publishing

    if dry_run:
        publication = publishing.check_folder(folder, repository(), engine_opener(), limits=settings().limits)
        _print_check([str(candidate.object.ref) for candidate in publication.new], as_json=as_json)
    else:
        report = publishing.publish_folder(folder, repository(), store(), engine_opener(), limits=settings().limits)
        _print_report(report, as_json=as_json)


def _print_check(new: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"would_publish": new})
        return
    print_lines(f"would publish {ref}" for ref in new)
    say(f"{len(new)} new versions, no faults")


def _print_report(report: PublicationReport, *, as_json: bool) -> None:
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
    print_lines(f"published {ref}" for ref in report.published)
    print_lines(f"active    {name} is now {version}" for name, version in sorted(report.activated.items()))
    say(f"{len(report.published)} published, {len(report.unchanged)} unchanged, revision {report.revision}")


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
    texts = [yaml.safe_dump(part, sort_keys=False, allow_unicode=True) for part in (facts, published)]
    say("---\n".join(texts).rstrip())


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
    from mcop_core.catalog.difference import difference

    catalog = repository()
    changes = difference(find_entry(before, catalog).object, find_entry(after, catalog).object)
    if as_json:
        print_json([change.to_json() for change in changes])
        return
    print_lines(map(str, changes) if changes else ["no differences"])


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
    print_lines(map(str, users) if users else [f"nothing uses {found.ref.key}"])


def _set_standing(text: str, standing: Standing, reason: str) -> None:
    from mcop_core import publishing

    ref = find_entry(text, repository()).ref
    head = publishing.set_standing(repository(), store(), ref, standing, reason)
    say(f"{ref} is now {standing}, revision {head.revision}")


@catalog_app.command()
def deprecate(ref: Object, reason: Reason) -> None:
    """
    Warn whoever uses a version.

    Example: mcop catalog deprecate primitive#vpc@1.0.0 --reason "use 1.1.0"
    """
    from mcop_core.catalog.repository import Standing

    _set_standing(ref, Standing.DEPRECATED, reason)


@catalog_app.command()
def revoke(ref: Object, reason: Reason) -> None:
    """
    Refuse new runs with a version.

    Example: mcop catalog revoke primitive#vpc@1.0.0 --reason "opens port 22"
    """
    from mcop_core.catalog.repository import Standing

    _set_standing(ref, Standing.REVOKED, reason)


@catalog_app.command()
def reinstate(ref: Object) -> None:
    """
    Take a deprecation or revocation back.

    Example: mcop catalog reinstate primitive#vpc@1.0.0
    """
    from mcop_core.catalog.repository import Standing

    _set_standing(ref, Standing.ACTIVE, "")


@catalog_app.command()
def activate(ref: Annotated[str, typer.Argument(metavar="MANIFEST@VERSION")]) -> None:
    """
    Choose the version that a manifest's DAG runs.

    Example: mcop catalog activate storefront-staging@1.0.0
    """
    from mcop_core import publishing

    entry = find_entry(f"manifest#{ref.removeprefix('manifest#')}", repository())
    head = publishing.activate(repository(), store(), entry.ref.name, entry.ref.version)
    say(f"{entry.ref} is active, revision {head.revision}")


@catalog_app.command()
def upgrade(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="Name of the manifest.")],
    yes: Annotated[bool, typer.Option("--yes", help="Pin the newer versions; without it only show them.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show the newer versions that a manifest may pin.

    With --yes they are pinned; without it nothing changes.

    Example: mcop catalog upgrade storefront-staging --yes
    """
    from mcop_core import publishing

    planned = publishing.plan_upgrade(repository(), manifest)
    pinned = yes and bool(planned.changes)
    if pinned:
        publishing.upgrade(repository(), store(), planned)
    if as_json:
        changes = [{"pin": pin, "before": before, "after": after} for pin, before, after in planned.changes]
        print_json({"manifest": str(planned.ref), "changes": changes, "pinned": pinned})
        return
    if not planned.changes:
        say(f"{planned.ref} already pins the newest versions")
        return
    print_table(("PIN", "NOW", "THEN"), [(pin, now or "-", then or "-") for pin, now, then in planned.changes])
    say(f"{planned.ref} pinned" if pinned else "nothing changed: repeat with --yes to pin these")


def schema(kind: Annotated[Kind, typer.Argument(help="Kind of document.")]) -> None:
    """
    Print the JSON Schema of a kind of document, for editors.

    Example: mcop schema pattern > pattern.schema.json
    """
    from mcop_core.catalog.schemas import json_schema

    print_json(json_schema(kind))
