"""`mcop clouds …`: which clouds are configured, whether they answer, and entries of a kubeconfig for their clusters."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core.cli.console import EXIT_CODES, AsJson, print_json, print_table, say, tell
from mcop_core.cli.fleet import Cloud, Clouds, Providers, Regions, chosen, context_of, end, open_fleet
from mcop_core.cli.help import Commands
from mcop_core.errors import CloudFailed, InvalidInput, NotFound, closest

if TYPE_CHECKING:
    from mcop_core.clouds.answers import Failure

clouds_app = Commands(help="Which clouds are configured, and how they are.")

DEFAULT_KUBECONFIG = Path("~/.kube/config")


@clouds_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """
    List the configured clouds.

    It says what each can be asked, and asks none.

    Example: mcop clouds list
    """
    from mcop_core.clouds.registry import providers

    fleet = open_fleet()
    found = []
    failures: list[Failure] = []
    strategies = {one.config.name: one for one in chosen(None, None, failures)} if fleet.configs else {}
    for name, config in fleet.configs.items():
        capabilities = sorted(strategies[name].capabilities) if name in strategies else []
        found.append({"cloud": name, "provider": config.provider, "region": config.region, "can": capabilities})
    if as_json:
        print_json({"clouds": found, "providers": providers()})
        return
    if found:
        rows = [(one["cloud"], one["provider"], one["region"], ", ".join(one["can"])) for one in found]
        print_table(("cloud", "provider", "region", "can"), rows)
    else:
        say("no cloud is configured: MCOP_CLOUDS names the folder of the files that do so")
    say(f"providers: {', '.join(providers())}")
    end(failures)


@clouds_app.command()
def health(
    clouds: Clouds = None, providers: Providers = None, regions: Regions = None, as_json: AsJson = False
) -> None:
    """
    Say how each cloud is, in each region.

    That is whether it answers, how fast, takes the credentials, and what is left of its quotas where it tells. Nothing
    is asked twice. The exit code is 10 if one is not ok; one that says nothing for a minute is unreachable.

    Example: mcop clouds health

    Example: mcop clouds health --provider aws --region us-east-1 --json
    """
    from mcop_core.clouds.health import Verdict, check_clouds

    failures: list[Failure] = []
    found = check_clouds(chosen(clouds, providers, failures), regions=regions or ())
    if as_json:
        print_json([one.to_json() for one in found])
    else:
        rows = [
            (
                one.cloud,
                one.provider,
                one.region or "all",
                one.verdict,
                "" if one.latency_ms is None else f"{one.latency_ms:.0f} ms",
                ", ".join(f"{quota.what} {quota.used}/{quota.limit}" for quota in one.quotas),
                one.detail,
            )
            for one in found
        ]
        print_table(("cloud", "provider", "region", "health", "latency", "quotas", "detail"), rows)
    ill = [one for one in found if one.verdict is not Verdict.OK]
    if ill:
        tell(f"{len(ill)} of {len(found)} are not ok")
    end(failures)
    if ill:
        raise typer.Exit(EXIT_CODES[CloudFailed])


@clouds_app.command()
def kubeconfig(
    name: Annotated[str, typer.Argument(metavar="CLUSTER", help="Name of the Kubernetes cluster.")],
    cloud: Cloud = "",
    regions: Regions = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="The kubeconfig; left out: KUBECONFIG, else ~/.kube/config.")
    ] = None,
    prints: Annotated[bool, typer.Option("--print", help="Print the entry alone, and write nothing.")] = False,
) -> None:
    """
    Write an entry for a cluster into a kubeconfig.

    Other entries stay. The entry names the cloud's own program, which gets a token whenever kubectl needs one: no
    secret is written.

    Example: mcop clouds kubeconfig apples --cloud ocean --print
    """
    from mcop_core.clouds.kubeconfig import entry_name, with_cluster

    context = context_of(cloud)
    there = context.list_clusters(regions or ())
    found = [one for one in there.found if one.name == name]
    if len(found) != 1:
        raise _not_one(name, [(one.region, one.name) for one in there.found], [str(one) for one in there.failures])
    login = context.cluster_login(found[0])
    if prints:
        typer.echo(_written(with_cluster({}, found[0], login)), nl=False)
        return
    path = (file or Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or DEFAULT_KUBECONFIG)).expanduser()
    _replace(path, _written(with_cluster(_read(path), found[0], login)))
    say(f"{path}: {entry_name(found[0])}")
    tell(login.hint)


def _not_one(name: str, known: list[tuple[str, str]], failures: list[str]) -> NotFound | InvalidInput:
    same = [region for region, other in known if other == name]
    if same:
        return InvalidInput(f"there are {len(same)} clusters {name!r}, in {', '.join(same)}: say --region")
    near = closest(name, {other for _, other in known})
    hint = f' Did you mean "{near}"?' if near else f" There are: {', '.join(other for _, other in known) or 'none'}."
    missed = "".join(f" Not asked: {one}." for one in failures)
    return NotFound(f"there is no cluster {name!r}.{hint}{missed}", suggestion=near)


def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InvalidInput(f"{path} is no kubeconfig: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise InvalidInput(f"{path} is no kubeconfig: it is no mapping")
    return found or {}


def _written(kubeconfig: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(kubeconfig), sort_keys=False)


def _replace(path: Path, text: str) -> None:
    """Write *text* in one step, for its owner's eyes: other entries of the file may hold secrets."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".mcop-", delete=False) as new:
        new.write(text)
    Path(new.name).replace(path)
