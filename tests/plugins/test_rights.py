"""
Who may do what: users x actions x namespaces, by HTTP from a real API server with roles.

`python -m tests.plugins.test_rights` prints the matrix.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.emulators import free_port

pytestmark = pytest.mark.campaign

NAMESPACES = ("billing", "shipping", "storefront")
RULES = """
[storefront]
viewers = ["view"]
operators = ["execute"]
approvers = ["approve"]

[billing]
owners = ["execute", "approve", "destroy"]
approvers = ["view"]
auditors = ["approve"]

["*"]
platform = ["execute", "destroy"]
watchers = ["view"]
runners = ["execute"]
signers = ["approve"]
"""
OWN = "*"
"""In the place of a namespace: MCOP's own DAGs, which belong to none."""
RIGHTS = {
    "vera": {"storefront": {"view"}},
    "otto": {"storefront": {"view", "execute"}},
    "anna": {"storefront": {"view", "approve"}, "billing": {"view"}},
    "olga": {"billing": {"view", "execute", "approve", "destroy"}},
    "paul": {name: {"view", "execute", "destroy"} for name in (*NAMESPACES, OWN)},
    "walt": {name: {"view"} for name in (*NAMESPACES, OWN)},
    "rita": {name: {"view", "execute"} for name in (*NAMESPACES, OWN)},
    "pia": {**{name: {"view", "approve"} for name in ("billing", "shipping", OWN)}, "storefront": {"view"}},
    "alma": {"storefront": {"view", "execute"}, "billing": {"view", "approve"}},
    "nora": {},
}
"""
User -> namespace -> what the rules come to.

alma approves in another namespace than she executes in: what holds her off is that the question is for a group. So it
does pia, who approves everywhere.
"""
ROLES = {
    "vera": ["viewers"],
    "otto": ["operators"],
    "anna": ["approvers"],
    "olga": ["owners"],
    "paul": ["platform"],
    "walt": ["watchers"],
    "rita": ["runners"],
    "pia": ["signers"],
    "alma": ["operators", "auditors"],
    "nora": [],
}

API, MCOP = "/api/v2/dags", "/mcop/api/v1/executions"
DEPLOY, DESTROY = "mcop.{namespace}", "mcop.{namespace}.destroy"
START = {"logical_date": None}
ACTIONS = {
    "see its DAG": ("view", "GET", f"{API}/{DEPLOY}", None),
    "see that it can be destroyed": ("view", "GET", f"{API}/{DESTROY}", None),
    "see its source": ("view", "GET", f"/api/v2/dagSources/{DEPLOY}", None),
    "list its executions": ("view", "GET", f"{API}/{DEPLOY}/dagRuns", None),
    "see an execution": ("view", "GET", f"{MCOP}/{DEPLOY}/{{user}}", None),
    "see its tasks": ("view", "GET", f"{API}/{DEPLOY}/dagRuns/{{user}}/taskInstances", None),
    "see what tasks left": ("view", "GET", f"{API}/{DEPLOY}/dagRuns/{{user}}/taskInstances/admit/xcomEntries", None),
    "see what is asked": (
        "view",
        "GET",
        f"{API}/{DEPLOY}/dagRuns/{{user}}/taskInstances/approve/-1/hitlDetails",
        None,
    ),
    "execute": ("execute", "POST", f"{API}/{DEPLOY}/dagRuns", START),
    "preview in Airflow": ("execute", "POST", f"{API}/{DEPLOY}/dagRuns", {**START, "conf": {"action": "preview"}}),
    "destroy": ("destroy", "POST", f"{API}/{DESTROY}/dagRuns", {**START, "conf": {"confirm": "{namespace}"}}),
    "approve": (
        "approve",
        "PATCH",
        f"{API}/{DEPLOY}/dagRuns/{{user}}/taskInstances/approve/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {}},
    ),
    "clear tasks": (
        "execute",
        "POST",
        f"{API}/{DEPLOY}/clearTaskInstances",
        {"dag_run_id": "{user}", "dry_run": False, "only_failed": True},
    ),
    "cancel": ("execute", "PATCH", f"{API}/{DEPLOY}/dagRuns/{{user}}", {"state": "failed"}),
    "stop its runners": ("execute", "POST", f"{MCOP}/{DEPLOY}/{{user}}/stop", None),
    "kill its Terraform": (
        "nobody",
        "POST",
        f"{MCOP}/{DEPLOY}/{{user}}/force-stop",
        {"confirm": "mcop.{namespace}/{user}"},
    ),
    "delete a record": ("nobody", "DELETE", f"{API}/{DEPLOY}/dagRuns/{{user}}", None),
}
"""Action -> the right that it needs, method, path and body; the later ones end what the earlier ones look at."""
WORKERS, INVENTORY = f"{API}/mcop_workers", f"{API}/mcop_inventory"
CLEAR = {"dag_run_id": "{user}", "dry_run": False, "only_failed": True}


def workers(**conf):
    return ("destroy", "POST", f"{WORKERS}/dagRuns", {**START, "conf": {"cloud": "ocean", **conf}})


OWN_ACTIONS = {
    "see the workers' DAG": ("view", "GET", WORKERS, None),
    "see what was done with workers": ("view", "GET", f"{WORKERS}/dagRuns", None),
    "see which workers there are": ("view", "GET", f"{WORKERS}/dagRuns/{{user}}/taskInstances/list/xcomEntries", None),
    "see the inventories": ("view", "GET", f"{INVENTORY}/dagRuns", None),
    "see what clouds have": ("view", "GET", f"{INVENTORY}/dagRuns/{{user}}/taskInstances/report/xcomEntries", None),
    "list workers": workers(action="list"),
    "create workers": workers(action="create", names=["web"]),
    "delete workers": workers(action="delete", names=["web"]),
    "delete all workers": workers(action="delete-all", count=2),
    "do it again": ("destroy", "POST", f"{WORKERS}/clearTaskInstances", CLEAR),
    "stop it": ("destroy", "PATCH", f"{WORKERS}/dagRuns/{{user}}", {"state": "failed"}),
    "pause workers": ("destroy", "PATCH", WORKERS, {"is_paused": False}),
    "take an inventory": ("execute", "POST", f"{INVENTORY}/dagRuns", {**START, "conf": {}}),
    "stop an inventory": ("execute", "PATCH", f"{INVENTORY}/dagRuns/{{user}}", {"state": "failed"}),
    "pause inventories": ("execute", "PATCH", INVENTORY, {"is_paused": False}),
    "tell of an inventory": ("nobody", "POST", "/api/v2/assets/events", {"asset_id": 1, "extra": {}}),
    "execute by name": ("execute", "POST", f"{API}/mcop_execute/dagRuns", {**START, "conf": {"manifest_name": "x"}}),
    "look for drift": ("execute", "POST", f"{API}/mcop_drift/dagRuns", {**START, "conf": {}}),
    "reconcile": ("execute", "POST", f"{API}/mcop_reconcile/dagRuns", {**START, "conf": {}}),
    "delete a record of workers": ("nobody", "DELETE", f"{WORKERS}/dagRuns/{{user}}", None),
}
"""The same for MCOP's own DAGs; what clouds are asked has no namespace."""
ALL_ACTIONS = {**ACTIONS, **OWN_ACTIONS}


@dataclass(frozen=True)
class Cell:
    """One user, action and namespace: the HTTP status, and whether the rules allow it."""

    user: str
    action: str
    namespace: str
    status: int
    allowed: bool

    @property
    def holds(self) -> bool:
        return self.status < 300 if self.allowed else self.status == 403


@contextmanager
def server() -> Iterator[str]:
    """The API server's URL."""
    with tempfile.TemporaryDirectory() as folder:
        rules, log, port = Path(folder, "access.toml"), Path(folder, "log"), free_port()
        rules.write_text(RULES)
        arguments = [str(rules), json.dumps(ROLES), str(port)]
        with log.open("w") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.plugins.rights_server", *arguments],
                cwd=Path(__file__).parents[2],
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            await_server(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def await_server(url: str, process: subprocess.Popen, log: Path, *, timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/api/v2/version")
            return
        except httpx.TransportError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-4000:])


def login(url: str, user: str) -> httpx.Client:
    token = httpx.post(f"{url}/auth/token", json={"username": user, "password": user}, timeout=60).json()
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60)


def filled(part, **names):
    """Return *part* of a request with its {names} filled in."""
    if isinstance(part, dict):
        return {key: filled(value, **names) for key, value in part.items()}
    return part.format(**names) if isinstance(part, str) else part


def matrix(url: str) -> Iterator[Cell]:
    """Ask for everything as everybody."""
    asked = [(action, namespace) for action in ACTIONS for namespace in NAMESPACES]
    asked += [(action, OWN) for action in OWN_ACTIONS]
    for user in RIGHTS:
        with login(url, user) as client:
            for action, namespace in asked:
                right, method, path, body = ALL_ACTIONS[action]
                names = {"user": user, "namespace": namespace}
                answer = client.request(method, filled(path, **names), json=filled(body, **names))
                allowed = right in RIGHTS[user].get(namespace, ())
                yield Cell(user, action, namespace, answer.status_code, allowed)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server() as running:
        yield running


@pytest.fixture(scope="module")
def cells(url) -> list[Cell]:
    return list(matrix(url))


def test_everybody_may_do_what_the_rules_say_and_nothing_else(cells):
    """What is allowed is done, what is not is refused with 403, for each user, action and namespace."""
    assert len(cells) == len(RIGHTS) * (len(ACTIONS) * len(NAMESPACES) + len(OWN_ACTIONS)) == 710
    assert [cell for cell in cells if not cell.holds] == []


def test_each_change_and_each_refusal_is_written_down(url, cells):
    """The audit log names who did what, and who was refused it, or a look at MCOP's executions."""
    how = {action: (method, path) for action, (_, method, path, _) in ALL_ACTIONS.items()}
    tried = [cell for cell in cells if how[cell.action][0] != "GET" or how[cell.action][1].startswith(MCOP)]
    changed = [cell for cell in cells if how[cell.action][0] != "GET"]
    with login(url, "admin") as client:
        written = {user: audited(client, user) for user in RIGHTS}

    for user, events in written.items():
        refused = sum(cell.status == 403 for cell in tried if cell.user == user)
        done = sum(cell.status < 300 for cell in changed if cell.user == user)
        assert (user, events.count("refused")) == (user, refused)
        assert len(events) - refused >= done


def audited(client: httpx.Client, user: str) -> list[str]:
    """Events of *user* in the audit log that are about changes; Airflow logs looking at XComs, too."""
    found = client.get("/api/v2/eventLogs", params={"owner": user, "limit": 1000}).json()["event_logs"]
    return [one["event"] for one in found if not one["event"].startswith("get_")]


@pytest.mark.parametrize(
    ("user", "seen"), [("anna", {"billing", "storefront"}), ("paul", {*NAMESPACES}), ("nora", set())]
)
def test_lists_hold_what_one_may_see(url, user, seen):
    """Airflow's list of DAGs and runs, and MCOP's of executions, name no other namespace."""
    with login(url, user) as client:
        dags = client.get("/api/v2/dags", params={"dag_id_pattern": "mcop.%"}).json().get("dags", [])
        runs = client.get("/api/v2/dags/~/dagRuns").json().get("dag_runs", [])
        executions = client.get(MCOP, params={"limit": 100})

    of = {dag_id.split(".")[1] for dag_id in (one["dag_id"] for one in [*dags, *runs]) if "." in dag_id}
    assert of == seen
    listed = executions.json() if executions.status_code == 200 else []
    assert {one["id"].split("/")[0].split(".")[1] for one in listed if "." in one["id"].split("/")[0]} == seen


def test_without_a_token_nothing_is_told(url):
    """Nobody is nobody: 401 for every request of the matrix."""
    names = {"user": "vera", "namespace": "storefront"}
    answers = {
        httpx.request(method, url + filled(path, **names), json=filled(body, **names)).status_code
        for _, method, path, body in ALL_ACTIONS.values()
    }

    assert answers == {401}


def print_matrix(cells: list[Cell]) -> None:
    """Print who was let do what, and what does not hold."""
    for action in ALL_ACTIONS:
        let = [f"{c.user}@{c.namespace}" for c in cells if c.action == action and c.status < 300]
        print(f"{action:30} {' '.join(let) or '-'}")
    print(f"{len(cells)} cells, {sum(not cell.holds for cell in cells)} against the rules")


if __name__ == "__main__":
    with server() as address:
        print_matrix(list(matrix(address)))
