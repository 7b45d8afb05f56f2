"""`mcop inventory …`: what there is on all configured clouds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_table, say, settings
from mcop_core.cli.fleet import (
    AsCsv,
    Clouds,
    Providers,
    Raw,
    Regions,
    chosen,
    end,
    open_fleet,
    print_csv,
    show_answered,
)
from mcop_core.cli.help import Commands
from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.clouds.answers import Failure
    from mcop_core.clouds.models import Cluster, Instance
    from mcop_core.clouds.strategy import CloudStrategy
    from mcop_core.clouds.sweep import Question

inventory_app = Commands(help="What there is on all configured clouds.")


@inventory_app.command()
def instances(
    clouds: Clouds = None,
    providers: Providers = None,
    regions: Regions = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    raw: Raw = False,
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Also hold them against what executions deployed.")
    ] = False,
) -> None:
    """
    List the instances of all clouds and regions.

    These are MCOP's and everybody else's. Clouds are asked at once. One that does not answer is named and hides no
    other; the exit code is 10 then. The last column says which worker or component of MCOP's it is; where it is empty
    MCOP did not make it.

    Example: mcop inventory instances

    Example: mcop inventory instances --provider aws --region eu-west-1 --csv
    """
    from mcop_core.clouds.documents import INSTANCE_COLUMNS, document, instance_row
    from mcop_core.clouds.sweep import INSTANCES

    _check_form(as_json=as_json, as_csv=as_csv, raw=raw)
    if deployed and (as_csv or raw):
        raise InvalidInput("--deployed has two forms, a table and one JSON document: say --json alone")
    failures: list[Failure] = []
    strategies = chosen(clouds, providers, failures)
    found = _swept(strategies, INSTANCES, regions or (), failures)
    if deployed:
        _print_joined(list(found), strategies, failures, regions=regions or (), as_json=as_json)
    elif as_csv:
        print_csv(INSTANCE_COLUMNS, (instance_row(*one) for one in found))
    elif as_json:
        listed = [document(one, raw=raw) for _, one in found]
        print_json({"instances": listed, "failures": [one.to_json() for one in failures]})
    else:
        _print_sorted(INSTANCE_COLUMNS, [instance_row(*one) for one in found], "instances", failures)
    end(failures)


@inventory_app.command()
def clusters(
    clouds: Clouds = None,
    providers: Providers = None,
    regions: Regions = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    raw: Raw = False,
) -> None:
    """
    List the Kubernetes clusters of all clouds.

    Each comes with its node pools and with what the cloud itself runs in it.

    Example: mcop inventory clusters --json
    """
    from mcop_core.clouds.documents import CLUSTER_COLUMNS, cluster_row, document

    _check_form(as_json=as_json, as_csv=as_csv, raw=raw)
    failures: list[Failure] = []
    found = _described(chosen(clouds, providers, failures), regions or (), failures)
    if as_csv:
        print_csv(CLUSTER_COLUMNS, (cluster_row(one) for one in found))
    elif as_json:
        print_json(
            {
                "clusters": [document(one, raw=raw) for one in found],
                "failures": [one.to_json() for one in failures],
            }
        )
    else:
        _print_sorted(CLUSTER_COLUMNS, [cluster_row(one) for one in found], "clusters", failures)
    end(failures)


@inventory_app.command()
def regions(clouds: Clouds = None, providers: Providers = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """
    List the regions of all clouds.

    One that is not available takes nothing new, and an inventory leaves it out.

    Example: mcop inventory regions --provider digitalocean
    """
    from mcop_core.clouds.documents import REGION_COLUMNS, document, region_row
    from mcop_core.clouds.sweep import REGIONS

    _check_form(as_json=as_json, as_csv=as_csv, raw=False)
    failures: list[Failure] = []
    found = _swept(chosen(clouds, providers, failures), REGIONS, (), failures)
    if as_csv:
        print_csv(REGION_COLUMNS, (region_row(*one) for one in found))
    elif as_json:
        listed = [{"cloud": strategy.config.name, **document(one)} for strategy, one in found]
        print_json({"regions": listed, "failures": [one.to_json() for one in failures]})
    else:
        _print_sorted(REGION_COLUMNS, [region_row(*one) for one in found], "regions", failures)
    end(failures)


def _swept(
    strategies: Sequence[CloudStrategy], question: Question[Any], regions: Sequence[str], failures: list[Failure]
) -> Iterator[tuple[CloudStrategy, Any]]:
    """Yield the answers as they come; what fails is put into *failures*."""
    from mcop_core.clouds.answers import Failure as Failed
    from mcop_core.clouds.sweep import sweep

    for event in sweep(strategies, question, regions=regions):
        if isinstance(event, tuple):
            yield event
            continue
        show_answered(event)
        if isinstance(event, Failed):
            failures.append(event)


def _print_joined(
    found: Sequence[tuple[CloudStrategy, Instance]],
    strategies: Sequence[CloudStrategy],
    failures: list[Failure],
    *,
    regions: Sequence[str],
    as_json: bool,
) -> None:
    """Print instances as managed or unmanaged, and what executions deployed and no cloud lists as missing."""
    from mcop_core.clouds.documents import made_by
    from mcop_core.machines import deployed_machines, entries, what_was_seen

    unanswered = [(one.cloud, one.region) for one in failures]
    seen = what_was_seen(open_fleet().configs.values(), [one.config.name for one in strategies], unanswered, regions)
    machines = deployed_machines(bootstrap.open_store(settings().artifact_store), bootstrap.open_store)
    failures += machines.failures
    listed = [(one, made_by(one, strategy.config)) for strategy, one in found]
    rows = [asdict(entry) for entry in entries(listed, machines.found, seen)]
    if as_json:
        print_json({"instances": rows, "failures": [one.to_json() for one in failures]})
    else:
        columns = ("standing", "cloud", "region", "name", "id", "state", "made by")
        _print_sorted(columns, [tuple(row.values()) for row in rows], "instances", failures)


def _described(
    strategies: Sequence[CloudStrategy], regions: Sequence[str], failures: list[Failure]
) -> Iterator[Cluster]:
    from mcop_core.clouds.answers import Failure as Failed
    from mcop_core.clouds.context import CloudContext
    from mcop_core.clouds.strategy import Capability
    from mcop_core.clouds.sweep import CLUSTERS
    from mcop_core.errors import McopError

    able = [one for one in strategies if Capability.CLUSTERS in one.capabilities]
    for strategy, ref in _swept(able, CLUSTERS, regions, failures):
        try:
            yield CloudContext(strategy).describe_cluster(ref)
        except McopError as error:
            failures.append(Failed(strategy.config.name, ref.region, f"cluster {ref.name}", error))


def _print_sorted(
    columns: Sequence[str], rows: list[tuple[object, ...]], what: str, failures: Sequence[Failure]
) -> None:
    from mcop_core.clouds.ours import name_order

    if rows:
        print_table(columns, sorted(rows, key=lambda row: [name_order(str(cell)) for cell in row]))
    elif not failures:
        say(f"no {what}")


def _check_form(*, as_json: bool, as_csv: bool, raw: bool) -> None:
    if as_json and as_csv:
        raise InvalidInput("--json and --csv are two forms: say one")
    if raw and not as_json:
        raise InvalidInput("--raw says nothing without --json")
