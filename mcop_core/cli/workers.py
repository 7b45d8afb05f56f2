"""`mcop workers …`: virtual machines that MCOP makes on any cloud, and deletes again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core.cli.console import AsJson, print_json, print_table, say, tell
from mcop_core.cli.fleet import Cloud, Regions, context_of, end, interruptible
from mcop_core.cli.help import Commands
from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.clouds.answers import Answers, Failure
    from mcop_core.clouds.context import CloudContext
    from mcop_core.clouds.creating import Made
    from mcop_core.clouds.models import Worker
    from mcop_core.clouds.placing import Place

_CREATING = "what was begun goes on and carries its tags: the same command adopts it, mcop workers delete takes it away"
_DELETING = "what was asked for goes on: mcop workers list says what is left"

workers_app = Commands(help="Virtual machines that MCOP makes on any cloud.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")]


@workers_app.command()
def create(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Of the workers.")] = None,
    cloud: Cloud = "",
    count: Annotated[
        int | None, typer.Option("--count", min=1, max=1000, help="So many, NAME-1, NAME-2 and so on.")
    ] = None,
    places: Annotated[
        list[str] | None,
        typer.Option(
            "--place",
            metavar="PLACE",
            help="region, region/zone or cloud:region; may be repeated: the next where one is full.",
        ),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="In the cloud's words.")] = "",
    image: Annotated[str, typer.Option("--image", help="In the cloud's words.")] = "",
    key: Annotated[str, typer.Option("--key", help="SSH key, by the cloud's name or id.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="May be repeated.")] = None,
    waits: Annotated[bool, typer.Option("--wait/--no-wait", help="Until they run.")] = True,
    as_json: AsJson = False,
) -> None:
    """
    Create workers, or adopt those that are there.

    The same command again makes nothing twice, also after it was killed. One that cannot be made is named and takes no
    other with it; the exit code is 10 then.

    Example: mcop workers create web-1 web-2 --cloud ocean

    Example: mcop workers create builder --count 10 --cloud amazon --place us-east-1/us-east-1a --place eu-west-1
    """
    from mcop_core.clouds.placing import Place, WorkerRequest

    where = [Place.parse(text) for text in places or []] or [Place()]
    sized = tuple(_sized(place, size, image, key) for place in where)
    request = WorkerRequest(tuple(_names(names or [], count)), sized, _tags(tags or []))
    with interruptible(_CREATING):
        made = context_of(cloud).create_workers(request, waits=waits)
    _print_made(made, as_json=as_json)
    _tell_other_sizes(made, size)
    end(made.failures)


@workers_app.command("list")
def list_(cloud: Cloud = "", regions: Regions = None, as_json: AsJson = False) -> None:
    """
    List the workers of one cloud.

    Example: mcop workers list --cloud ocean
    """
    context = context_of(cloud)
    found = context.list_workers(regions or ())
    _print_workers(context, found.found, found.failures, as_json=as_json)
    end(found.failures)


@workers_app.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Of the workers.")],
    cloud: Cloud = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """
    Delete workers by name, and wait until they are gone.

    A worker with the tag mcop-protected, or one that the cloud's configuration protects, is refused.

    Example: mcop workers delete web-1 web-2 --cloud ocean
    """
    context = context_of(cloud)
    with interruptible(_DELETING):
        gone = context.delete_workers(names, dry_run=dry_run)
    _print_workers(context, gone.found, gone.failures, as_json=as_json)
    end(gone.failures)


@workers_app.command("delete-all")
def delete_all(
    cloud: Cloud = "",
    expect: Annotated[int | None, typer.Option("--expect", min=0, help="How many; else it is asked for.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """
    Delete every worker on one cloud.

    Nothing that MCOP did not make is touched, and protected workers stay. How many these are must be typed, or said
    with --expect: if there are more or fewer, nothing is deleted.

    Example: mcop workers delete-all --cloud ocean --dry-run

    Example: mcop workers delete-all --cloud ocean --expect 2
    """
    context = context_of(cloud)
    if not dry_run and expect is None:
        expect = _asked_back(context)
    with interruptible(_DELETING):
        gone = context.delete_all_workers(expect, dry_run=dry_run)
    _print_workers(context, gone.found, gone.failures, as_json=as_json)
    end(gone.failures)


def _asked_back(context: CloudContext) -> int:
    there = context.delete_all_workers(dry_run=True).found
    if not there:
        return 0
    if not sys.stdin.isatty():
        raise InvalidInput(f"there are {len(there)} workers to delete: say --expect with the number, or --dry-run")
    _print_workers(context, there, (), as_json=False)
    typed: int = typer.prompt("How many workers are to be deleted", type=int, err=True)
    return typed


def _names(names: Sequence[str], count: int | None) -> list[str]:
    if not names:
        raise InvalidInput("name the workers: mcop workers create NAME …, or NAME --count NUMBER")
    if count is None:
        return list(names)
    if len(names) != 1:
        raise InvalidInput(f"--count goes with one name, and there are {len(names)}")
    return [f"{names[0]}-{number}" for number in range(1, count + 1)]


def _tags(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, has_value, value = text.partition("=")
        if not has_value:
            raise InvalidInput(f"--tag {text!r}: write KEY=VALUE")
        if key in found:
            raise InvalidInput(f"--tag {text!r}: the tag {key} is said twice")
        found[key] = value
    return found


def _sized(place: Place, size: str, image: str, key: str) -> Place:
    # Sizes and images are words of one cloud: another one's stand in its own configuration.
    return place if place.cloud else replace(place, size=size, image=image, key=key)


def _tell_other_sizes(made: Answers[Made], size: str) -> None:
    """Say of adopted workers that they have not the size that was asked for."""
    from mcop_core.clouds.ours import worker_name

    for one in made.found:
        if size and one.how == "adopted" and one.worker.size.lower() != size.lower():
            tell(f"{worker_name(one.worker)} was there and stays as it is: its size is {one.worker.size}, not {size}")


def _print_made(made: Answers[Made], *, as_json: bool) -> None:
    from mcop_core.clouds.documents import document
    from mcop_core.clouds.ours import name_order, worker_name

    if as_json:
        listed = [
            {
                "how": str(one.how),
                "worker": document(one.worker),
                "instead_of": [tried.to_json() for tried in one.instead_of],
            }
            for one in made.found
        ]
        print_json({"workers": listed, "failures": [one.to_json() for one in made.failures]})
        return
    if made.found:
        rows = [
            (
                worker_name(one.worker),
                one.how,
                one.worker.cloud,
                one.worker.region,
                one.worker.zone,
                one.worker.id,
                one.worker.state,
                next(iter((*one.worker.public_addresses, *one.worker.private_addresses)), ""),
                ", ".join(tried.what for tried in one.instead_of),
            )
            for one in made.found
        ]
        columns = ("worker", "how", "cloud", "region", "zone", "id", "state", "address", "instead of")
        print_table(columns, sorted(rows, key=lambda row: name_order(str(row[0]))))


def _print_workers(
    context: CloudContext, workers: Sequence[Worker], failures: Sequence[Failure], *, as_json: bool
) -> None:
    from mcop_core.clouds.documents import WORKER_COLUMNS, document, worker_row

    if as_json:
        listed = [document(one) for one in workers]
        print_json({"workers": listed, "failures": [one.to_json() for one in failures]})
    elif workers:
        print_table(WORKER_COLUMNS, [worker_row(context.strategy, one) for one in workers])
    elif not failures:
        say("no workers")
