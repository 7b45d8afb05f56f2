"""`mcop workers`, `mcop inventory` and `mcop clouds`, against a server that speaks DigitalOcean's REST."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.clouds.deployed import deploy, resource
from tests.clouds.digitalocean_server import TOKEN, DigitalOceanServer, running_digitalocean, said
from tests.clouds.rest_server import Does as Meets

OCEAN = """\
name: {name}
provider: digitalocean
credentials: secret://env/OCEAN
region: nyc3
size: s-1vcpu-1gb
image: ubuntu-24-04-x64
endpoint: {url}
options: {{ca_file: {certificate}}}
"""
MEMORY = "name: dict\nprovider: memory\nregion: north\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def server(keys) -> Iterator[DigitalOceanServer]:
    with running_digitalocean(keys) as server:
        server.create_looks = server.delete_looks = 0
        yield server


@pytest.fixture
def folder(server, tmp_path, monkeypatch) -> Path:
    """The configuration: a cloud of the server's, and one in memory."""
    folder = tmp_path / "clouds"
    folder.mkdir()
    (folder / "ocean.yaml").write_text(OCEAN.format(name="ocean", url=server.url, certificate=server.certificate))
    (folder / "dict.yaml").write_text(MEMORY)
    monkeypatch.setenv("MCOP_CLOUDS", str(folder))
    monkeypatch.setenv("MCOP_SECRET_OCEAN", TOKEN)
    return folder


def test_workers_are_created_listed_and_deleted(mcop, folder, server):
    """The same command again makes nothing twice."""
    for how in ("created", "adopted"):
        code, told, errors = mcop("workers", "create", "web", "--count", "2", "--cloud", "ocean", "--tag", "team=shop")
        assert (0, "") == (code, errors)
        assert [["web-1", how], ["web-2", how]] == [line.split()[:2] for line in told.splitlines()[1:]]
    code, told, _ = mcop("workers", "list", "--cloud", "ocean", "--json")
    listed = json.loads(told)["workers"]

    assert [("web-1", "shop"), ("web-2", "shop")] == [(one["name"], one["tags"]["team"]) for one in listed]
    assert "raw" not in listed[0]
    code, told, _ = mcop("workers", "delete", "web-1", "--cloud", "ocean")
    assert code == 0 and "web-1" in told
    assert 1 == len(server.ids())


def test_workers_are_listed_as_they_are_counted(mcop, folder, server):
    """By every command alike."""
    expected = [f"web-{number}" for number in range(1, 12)]
    commands = [("workers", "create", "web", "--count", "11"), ("workers", "list"), ("inventory", "instances")]
    told = [mcop(*command, "--cloud", "ocean")[1] for command in commands]

    assert [expected] * 3 == [re.findall(r"web-[0-9]+(?= +[0-9c])", text) for text in told]


def test_all_are_deleted_only_with_their_number(mcop, folder, server):
    """Asked for on a terminal, said with --expect elsewhere."""
    mcop("workers", "create", "a", "b", "--cloud", "ocean")
    foreign = server.put("foreign", "fra1", {})

    code, _, told = mcop("workers", "delete-all", "--cloud", "ocean")
    assert code == 2 and "there are 2 workers to delete: say --expect" in told
    code, _, told = mcop("workers", "delete-all", "--cloud", "ocean", "--expect", "3")
    assert code == 4 and "nothing was deleted" in told
    code, told, _ = mcop("workers", "delete-all", "--cloud", "ocean", "--dry-run")
    assert code == 0 and 3 == len(server.ids())
    code, told, _ = mcop("workers", "delete-all", "--cloud", "ocean", "--expect", "2")
    assert code == 0 and {foreign} == server.ids()
    assert "no workers" in mcop("workers", "list", "--cloud", "ocean")[1]


def test_what_cannot_be_made_has_an_exit_code_and_takes_nothing_with_it(mcop, folder, server):
    """What was made is a result, what was not is told beside it."""
    server.droplet_limit = 1
    code, told, errors = mcop("workers", "create", "a", "b", "--cloud", "ocean", "--json")

    assert 10 == code
    assert [1, 1] == [len(json.loads(told)[field]) for field in ("workers", "failures")]
    assert "will exceed your droplet limit" in errors


BAD = {
    "no cloud": (["workers", "list"], 2, "which cloud? Say --cloud. Configured: dict, ocean."),
    "unknown cloud": (["workers", "list", "--cloud", "oecan"], 3, 'Did you mean "ocean"?'),
    "unknown region": (["workers", "list", "--cloud", "ocean", "--region", "nyc4"], 3, 'Did you mean "nyc3"?'),
    "no name": (["workers", "create", "--cloud", "ocean"], 2, "name the workers"),
    "count of two": (["workers", "create", "a", "b", "--count", "2", "--cloud", "ocean"], 2, "goes with one name"),
    "count of none": (["workers", "create", "a", "--count", "0", "--cloud", "ocean"], 2, "than or equal to 1"),
    "count of too many": (["workers", "create", "a", "--count", "100000", "--cloud", "ocean"], 2, "equal to 1000"),
    "a name twice": (["workers", "create", "a", "a", "--cloud", "ocean"], 2, "'a' is asked for twice"),
    "unknown place": (["workers", "create", "a", "--place", "nyc4", "--cloud", "ocean"], 3, 'Did you mean "nyc3"?'),
    "a tag twice": (["workers", "create", "a", "--tag", "x=a", "--tag", "x=b", "--cloud", "ocean"], 2, "said twice"),
    "bad tag": (["workers", "create", "a", "--tag", "x", "--cloud", "ocean"], 2, "write KEY=VALUE"),
    "bad name": (["workers", "create", "A", "--cloud", "ocean"], 2, "'A' is no name of a worker"),
    "bad place": (["workers", "create", "a", "--place", "a/b/c", "--cloud", "ocean"], 2, "is no place"),
    "a zone": (["workers", "create", "a", "--place", "nyc3/a", "--cloud", "ocean"], 2, "cannot choose a zone"),
    "unknown size": (["workers", "create", "a", "--size", "xxl", "--cloud", "ocean"], 10, "an invalid size"),
    "no worker": (["workers", "delete", "a", "--cloud", "ocean"], 10, "has no worker 'a'"),
    "two forms": (["inventory", "instances", "--json", "--csv"], 2, "two forms"),
    "joined as csv": (["inventory", "instances", "--deployed", "--csv"], 2, "say --json"),
    "raw alone": (["inventory", "clusters", "--raw"], 2, "without --json"),
    "unknown provider": (["inventory", "regions", "--provider", "asw"], 3, "Configured: digitalocean, memory"),
}


@pytest.mark.parametrize(("arguments", "exit_code", "says"), BAD.values(), ids=BAD)
def test_what_is_typed_wrong_is_told(mcop, folder, arguments, exit_code, says):
    """With what was allowed."""
    code, _, told = mcop(*arguments)

    assert exit_code == code
    assert says in told


def test_nothing_to_delete_is_deleted_without_a_number(mcop, folder):
    """There is nothing that could be meant otherwise; a worker that is not there is no list of none."""
    assert (0, "no workers\n", "") == mcop("workers", "delete-all", "--cloud", "ocean")
    assert "" == mcop("workers", "delete", "a", "--cloud", "ocean")[1]


def test_a_worker_that_is_there_in_another_size_is_told(mcop, folder):
    """It is adopted as it is; the cloud's own spelling of a size is none."""
    mcop("workers", "create", "web", "--cloud", "ocean")
    told = [
        mcop("workers", "create", "web", "--cloud", "ocean", "--size", one) for one in ("s-2vcpu-2gb", "S-1vcpu-1gb")
    ]

    assert [0, 0] == [code for code, _, _ in told]
    assert "web was there and stays as it is: its size is s-1vcpu-1gb, not s-2vcpu-2gb" in told[0][2]
    assert "" == told[1][2]


def test_whoever_interrupts_a_creation_is_told_what_goes_on(folder, server):
    """The next call adopts what was begun."""
    server.create_looks = 10_000
    program = [sys.executable, "-m", "mcop_core", "workers", "create", "web", "--count", "12", "--cloud", "ocean"]
    running = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(server.ids()) < 2:
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    told, errors = running.communicate(timeout=30)

    assert (130, "") == (running.returncode, told)
    assert "interrupted; what was begun goes on and carries its tags: the same command adopts it" in errors


def test_an_inventory_says_who_made_what(mcop, folder, server):
    """A worker, a component of an execution, or somebody else."""
    mcop("workers", "create", "web", "--cloud", "ocean")
    server.put("=cmd()", "fra1", {})
    code, told, _ = mcop("inventory", "instances", "--csv")
    rows = {row["name"]: row for row in csv.DictReader(told.splitlines())}

    assert 0 == code
    assert ("worker web", "nyc3") == (rows["web"]["made by"], rows["web"]["region"])
    assert ("", "fra1") == (rows["'=cmd()"]["made by"], rows["'=cmd()"]["region"])
    found = json.loads(mcop("inventory", "instances", "--region", "fra1", "--json", "--raw")[1])["instances"]
    assert ["=cmd()"] == [one["raw"]["name"] for one in found]


def test_what_executions_deployed_is_held_against_what_is_there(mcop, folder, server, tmp_path, monkeypatch):
    """Managed, unmanaged, missing; what is not looked at as a whole cannot be told."""
    url = f"file://{tmp_path}/store"
    monkeypatch.setenv("MCOP_ARTIFACT_STORE", url)
    ours, _ = server.put("ours", "nyc3", {}), server.put("foreign", "nyc3", {})
    droplets = [{"index_key": 0, "attributes": {"id": ours}}, {"index_key": 1, "attributes": {"id": "1"}}]
    deploy(url, "w.p.web", [resource("digitalocean_droplet", "web", *droplets)])

    def standings(*options):
        told = mcop("inventory", "instances", "--deployed", "--json", *options)[1]
        return {(one["name"] or one["id"]): one["standing"] for one in json.loads(told)["instances"]}

    assert {"ours": "managed", "foreign": "unmanaged", "1": "missing"} == standings()
    assert "cannot be told" == standings("--region", "nyc3")["1"]
    code, told, _ = mcop("inventory", "instances", "--deployed")
    assert code == 0 and "team/shop/w.p.web module.this.digitalocean_droplet.web[1]" in told
    shut = OCEAN.format(name="shut", url=server.url, certificate=server.certificate)
    (folder / "shut.yaml").write_text(shut.replace("secret://env/OCEAN", "secret://env/NONE"))
    assert "cannot be told" == standings()["1"]


def test_a_cloud_that_does_not_answer_hides_no_other(mcop, folder, server):
    """It is named, and there is an exit code for it."""
    (folder / "down.yaml").write_text(OCEAN.format(name="down", url="https://127.0.0.1:1", certificate="/nowhere"))
    server.put("one", "fra1", {})
    code, told, errors = mcop("inventory", "instances", "--cloud", "ocean", "--cloud", "down")

    assert 10 == code
    assert "one" in told
    assert "failed: down: regions for instances" in errors


def test_what_nobody_answered_is_not_none(mcop, folder, server):
    """Nothing is said of how much there is; how the answer could not be read is told on one line."""
    server.add(Meets.GARBAGE, times=None)
    for command in (
        ("workers", "list"),
        ("inventory", "instances"),
        ("inventory", "clusters"),
        ("inventory", "regions"),
    ):
        code, told, errors = mcop(*command, "--cloud", "ocean")

        assert (10, "", 1) == (code, told, len(errors.splitlines()))
        assert "the answer cannot be read" in errors


def test_a_cloud_whose_secret_is_not_there_hides_no_other(mcop, folder, server, monkeypatch):
    """It is named; what the others have is told."""
    text = OCEAN.format(name="shut", url=server.url, certificate=server.certificate)
    (folder / "shut.yaml").write_text(text.replace("secret://env/OCEAN", "secret://env/NONE"))
    server.put("one", "fra1", {})

    for arguments in (["inventory", "instances"], ["clouds", "health"], ["clouds", "list"]):
        code, told, errors = mcop(*arguments)
        assert 10 == code
        assert "ocean" in told
        assert "failed: shut: open it: " in errors and "secret://env/NONE" in errors


def test_regions_and_clusters_are_listed(mcop, folder, server):
    """Of every cloud that has them."""
    server.put_cluster("apples", "fra1")

    assert "sfo1    San Francisco 1  no" in mcop("inventory", "regions", "--cloud", "ocean")[1]
    assert "workers 2xs-2vcpu-2gb" in mcop("inventory", "clusters")[1]
    found = json.loads(mcop("inventory", "clusters", "--json")[1])["clusters"]
    assert [("apples", "active", 2)] == [(one["name"], one["state"], one["node_pools"][0]["nodes"]) for one in found]


def test_health_is_told_by_cloud_and_region(mcop, folder, server):
    """With what is left of quotas; what is not ok has an exit code."""
    code, told, _ = mcop("clouds", "health")
    assert code == 0 and "droplets of all regions 0/10000" in told

    server.refuse("GET /v2/account", said(429, "too_many_requests", "slow down"))
    code, told, errors = mcop("clouds", "health", "--json")
    assert {"dict": {"ok"}, "ocean": {"throttled"}} == {
        name: {one["verdict"] for one in json.loads(told) if one["cloud"] == name} for name in ("dict", "ocean")
    }
    assert code == 10 and "1 of 3 are not ok" in errors


def test_clouds_are_listed_with_what_they_can(mcop, folder):
    """Nobody is asked."""
    code, told, _ = mcop("clouds", "list")

    assert 0 == code
    assert "ocean  digitalocean  nyc3    create and delete workers, list clusters" in told
    assert "providers: aws" in told


def test_a_kubeconfig_gets_an_entry_and_keeps_the_others(mcop, folder, server, tmp_path):
    """Readable by its owner alone; without a secret."""
    server.put_cluster("apples", "fra1")
    file = tmp_path / "kube" / "config"
    file.parent.mkdir()
    file.write_text("kind: Config\nclusters: [{name: mine, cluster: {server: https://mine.test}}]\n")
    code, told, hint = mcop("clouds", "kubeconfig", "apples", "--cloud", "ocean", "--file", str(file))
    found = yaml.safe_load(file.read_text())

    assert 0 == code
    assert "ocean_fra1_apples" in told and "doctl is needed" in hint
    assert ["mine", "ocean_fra1_apples"] == [one["name"] for one in found["clusters"]]
    assert 0o600 == file.stat().st_mode & 0o777
    assert "token" not in str(found).replace("exec-credential", "")
    code, _, told = mcop("clouds", "kubeconfig", "appels", "--cloud", "ocean", "--print")
    assert code == 3 and 'Did you mean "apples"?' in told


def test_without_configuration_everything_says_how(mcop, monkeypatch):
    """And asks nobody."""
    monkeypatch.delenv("MCOP_CLOUDS", raising=False)
    for arguments in (["inventory", "instances"], ["clouds", "health"], ["workers", "list"]):
        code, _, told = mcop(*arguments)
        assert code == 2 and "MCOP_CLOUDS names the folder" in told
    assert "no cloud is configured" in mcop("clouds", "list")[1]
