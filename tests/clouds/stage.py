"""
Clouds to try the guides on: servers that speak the REST of DigitalOcean, Azure and Google Cloud, and an AWS emulator.
DigitalOcean has one of two droplets that an execution deployed, as the artifact store beside it says.

`python -m tests.clouds.stage FOLDER [PROVIDER…]` starts them beside itself, DigitalOcean and AWS if none is said, and
returns once `FOLDER/stage.env` says how they are reached. They stop when `FOLDER/stop` is there, and by themselves
after ten minutes.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.clouds import azure_server, digitalocean_server, gcp_server, rest_server
from tests.clouds.deployed import deploy, resource
from tests.emulators import running

_LONGEST_S = 600.0
_USUAL = ("digitalocean", "aws")


@contextmanager
def _digitalocean(folder: Path) -> Iterator[dict[str, str]]:
    with digitalocean_server.running_digitalocean(folder) as ocean:
        ocean.create_looks = ocean.delete_looks = 0
        ocean.put_cluster("apples", "fra1")
        url = f"file://{folder}/store"
        there, gone = ocean.put("shop-1", "nyc3", {}), "3164000"
        droplets = [{"index_key": n, "attributes": {"id": id, "region": "nyc3"}} for n, id in enumerate((there, gone))]
        deploy(url, "web.app.vm", [resource("digitalocean_droplet", "this", *droplets)])
        yield {
            "MCOP_ARTIFACT_STORE": url,
            "OCEAN_URL": ocean.url,
            "OCEAN_CA": str(ocean.certificate),
            "MCOP_SECRET_OCEAN": digitalocean_server.TOKEN,
        }


@contextmanager
def _aws(folder: Path) -> Iterator[dict[str, str]]:
    with running("ministack", folder) as amazon:
        yield {"AMAZON_URL": amazon.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def _azure(folder: Path) -> Iterator[dict[str, str]]:
    with rest_server.running(azure_server.AzureServer(folder)) as azure:
        azure.create_looks = azure.delete_looks = 0
        directory = {"managed": True, "tenantID": azure_server.TENANT}
        azure.put_cluster("apples", "westeurope", aadProfile=directory)
        login = {"login": azure_server.CLIENT, "password": azure_server.SECRET, "tenantId": azure_server.TENANT}
        secret = json.dumps({**login, "subscriptionId": azure_server.SUBSCRIPTION})
        yield {"AZURE_URL": azure.url, "AZURE_CA": str(azure.certificate), "MCOP_SECRET_BLUE": secret}


@contextmanager
def _gcp(folder: Path) -> Iterator[dict[str, str]]:
    with rest_server.running(gcp_server.GcpServer()) as gcp:
        gcp.create_looks = gcp.delete_looks = 0
        gcp.put_cluster("pears", "europe-west1")
        yield {"GCP_URL": gcp.url, "MCOP_SECRET_GREEN": json.dumps(gcp.service_account)}


CLOUDS: Mapping[str, Callable[[Path], AbstractContextManager[dict[str, str]]]] = {
    "aws": _aws,
    "azure": _azure,
    "digitalocean": _digitalocean,
    "gcp": _gcp,
}


def serve(folder: Path, providers: Sequence[str]) -> None:
    """Have the clouds of *providers* until the file `stop` is there."""
    with ExitStack() as clouds:
        lines: dict[str, str] = {}
        for provider in providers:
            own = folder / provider
            own.mkdir(exist_ok=True)
            lines |= clouds.enter_context(CLOUDS[provider](own))
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in lines.items())
        written = folder / "stage.env.new"
        written.write_text(text)
        written.rename(folder / "stage.env")
        end = time.monotonic() + _LONGEST_S
        while not (folder / "stop").exists() and time.monotonic() < end:
            time.sleep(0.1)


def start(folder: Path, providers: Sequence[str]) -> None:
    """Start them beside this process, and return once they answer."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stage.log").open("wb") as log:
        served = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.stage", str(folder), "serve", *providers],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    end = time.monotonic() + 120
    while not (folder / "stage.env").exists():
        assert served.poll() is None and time.monotonic() < end, (folder / "stage.log").read_text()
        time.sleep(0.05)


if __name__ == "__main__":
    where, said = Path(sys.argv[1]).absolute(), sys.argv[2:]
    serve(where, said[1:]) if said[:1] == ["serve"] else start(where, said or _USUAL)
