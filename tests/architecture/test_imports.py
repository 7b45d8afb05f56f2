"""The rooms' import directions, read from the source with the standard library alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "mcop_core"

BASE = {"refs", "errors", "entry_points", "limits"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "refs": {"errors"},
    "entry_points": {"errors"},
    "limits": set(),
    "aws": set(),
    "telemetry": {"errors"},
    "settings": {"errors", "limits"},
    "catalog": BASE | {"aws"},
    "secrets": BASE | {"aws", "settings"},
    "parameters": BASE | {"catalog", "secrets"},
    "artifacts": BASE | {"aws", "catalog"},
    "compiler": BASE | {"parameters", "catalog", "artifacts", "secrets"},
    "engines": BASE | {"aws", "artifacts", "catalog", "parameters", "settings", "secrets", "telemetry"},
    "rendering": BASE | {"compiler", "engines", "artifacts", "telemetry"},
    "deployments": BASE | {"compiler", "artifacts", "parameters"},
    "previewing": BASE
    | {"deployments", "recorded", "policies", "rendering", "compiler", "engines", "artifacts", "parameters"}
    | {"telemetry"},
    "recorded": BASE | {"deployments", "compiler", "engines", "artifacts"},
    "deployed": BASE | {"deployments", "compiler", "engines", "artifacts", "catalog"},
    "pools": BASE | {"compiler"},
    "drift": BASE | {"previewing", "deployments", "compiler", "engines", "artifacts", "catalog", "telemetry"},
    "approvals": BASE | {"engines", "catalog"},
    "run_records": BASE | {"catalog", "artifacts"},
    "approval_store": BASE | {"run_records", "approvals", "artifacts"},
    "hand_over": BASE | {"run_records", "artifacts"},
    "publishing": BASE | {"catalog", "parameters", "compiler", "engines", "artifacts"},
    "signed_lines": BASE | {"catalog"},
    "backup": BASE | {"signed_lines", "catalog", "artifacts"},
    "operations": BASE | {"artifacts"},
    "runner": BASE
    | {"__version__", "operations", "secrets", "policies", "engines", "artifacts", "settings", "bootstrap"}
    | {"telemetry"},
    "settling": BASE | {"operations", "runner", "executions", "deployments", "artifacts", "settings", "bootstrap"},
    "executions": BASE | {"settings"},
    "records": BASE
    | {"executions", "approvals", "approval_store", "hand_over", "operations", "signed_lines", "rendering", "compiler"}
    | {"engines", "artifacts", "catalog", "secrets"},
    "policies": BASE,
    "access": BASE,
    "clouds": BASE | {"secrets"},
    "machines": BASE | {"clouds", "deployments", "engines", "artifacts"},
    "fleet": BASE | {"clouds", "catalog", "secrets"},
}
"""Room -> the rooms it may import; `bootstrap`, `cli`, `embedded` and `__main__` may import all."""

AWS_EDGES = {
    "aws",
    "catalog.dynamodb",
    "artifacts.s3",
    "engines.lock",
    "engines.terraform.search",
    "secrets.aws",
    "clouds.aws",
    "clouds.aws_session",
    "embedded",
    "bootstrap",
}
PROCESSES = {"engines.terraform.command", "engines.terraform.keeper"}
OUTSIDE: dict[str, set[str]] = {
    "boto3": AWS_EDGES,
    "botocore": AWS_EDGES,
    "subprocess": {*PROCESSES, "engines.terraform.warm", "policies.ask", "runner", "embedded"},
    "signal": {*PROCESSES, "runner", "embedded", "cli"},
    "httpx": {"engines.jenkins.client", "executions.airflow_api", "secrets.vault", "embedded"},
    "yaml": {"catalog.yaml_files", "cli"},
    "pydo": {"clouds.digitalocean"},
    "azure": {"clouds.azure", "clouds.azure_clients", "clouds.digitalocean"},  # pydo raises what azure.core does
    "google": {"clouds.gcp"},
    "grpc": {"engines.terraform.schema_proxy"},
    "opentelemetry": {"telemetry"},
    "airflow": set(),
}
"""Outside package -> the only modules (or rooms) that may import it."""


def modules() -> list[tuple[str, Path]]:
    return [
        (".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__"), path)
        for path in sorted(CORE.rglob("*.py"))
        if path != CORE / "__init__.py"
    ]


def imports(path: Path) -> set[str]:
    """
    Return the dotted names that a file imports, those inside functions and type checks included.

    `load("pydo", extra="digitalocean")` imports, too: it is how the clouds' SDKs are.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load" and node.keywords:
            found |= {first.value for first in node.args[:1] if isinstance(first, ast.Constant)}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            texts = [one.value for one in node.args[:1] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found |= set(texts) if name in ("load", "import_module") else set()
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_a_room_imports_only_the_rooms_it_may(module: str, path: Path):
    """Data walks one corridor in one direction; no room looks back."""
    room = module.split(".")[0]
    if room not in ALLOWED:
        assert room in {"bootstrap", "cli", "embedded", "__main__"}
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("mcop_core.")}

    assert set() == used - ALLOWED[room] - {room}


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_the_outside_is_touched_at_the_edges_only(module: str, path: Path):
    """Each outside package has its few modules; a search for it finds every effect."""
    for name in imports(path):
        package = name.split(".")[0]
        places = OUTSIDE.get(package)

        assert places is None or any(module == p or module.startswith(f"{p}.") for p in places), f"{module}: {name}"


def test_only_the_composition_root_opens_secret_stores():
    """Every room may hold a reference; what reads it is given to whoever runs an engine."""
    using = {m for m, path in modules() for name in imports(path) if name.startswith("mcop_core.secrets.stores.")}

    assert {m for m in using if not m.startswith("secrets.")} == {"bootstrap"}


def test_core_imports_without_airflow_and_cloud_sdks():
    """Every core module that is no edge imports where Airflow, boto3 and HTTP clients are absent."""
    edges = {"embedded", "cli", "__main__", "executions.airflow_api"}
    names = [f"mcop_core.{m}" for m, _ in modules() if not any(m == e or m.startswith(f"{e}.") for e in edges)]
    absent = ["airflow", "boto3", "botocore", "httpx", "moto", "ministack", "pydo"]
    absent += ["azure", "google.api_core", "google.auth", "google.cloud"]
    program = (
        "import sys, importlib\n"
        f"sys.modules.update(dict.fromkeys({absent!r}))\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)

    assert finished.returncode == 0, finished.stderr


def test_dags_hold_no_rule_of_the_domain():
    """A file in dags/ fits one screen and imports the Airflow side, Airflow and core values only."""
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name
        for name in imports(path):
            assert name.split(".")[0] in {"__future__", "airflow", "mcop_airflow", "mcop_core"}, f"{path.name}: {name}"
