"""`mcop` as a person calls it: a process, its output, its exit code."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CATALOG = ["--catalog", "include/catalog"]


def mcop(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mcop_core", *arguments], capture_output=True, text=True, cwd=cwd, timeout=120
    )


def test_a_plan_prints_as_text_json_and_dot():
    """The three forms name the same steps; nothing but the YAML files is needed."""
    text = mcop("plan", "storefront-staging", *CATALOG)
    as_json = json.loads(mcop("plan", "storefront-staging", *CATALOG, "--json").stdout)
    dot = mcop("plan", "storefront-staging", *CATALOG, "--format", "dot")

    steps = [s["id"] for w in as_json["workflows"] for g in w["groups"] for s in g["steps"]]
    assert len(steps) >= 10
    assert all(step.rsplit(".", 1)[1] in text.stdout for step in steps)
    assert all(f'"{step}"' in dot.stdout for step in steps)


def test_explain_names_the_layer_that_won():
    """`--set` is the last layer, and says so."""
    rows = json.loads(
        mcop("plan", "storefront-staging", *CATALOG, "--set", "log_retention_days=30", "--explain", "--json").stdout
    )

    assert {"run override"} == {row["layer"] for row in rows if row["value"] == "30"}


def test_rendering_writes_roots_and_names_what_is_waited_for(tmp_path: Path):
    """A root without open outputs is written whole; the others name the outputs they need."""
    rows = {
        row["step"]: row
        for row in json.loads(mcop("render", "storefront-staging", *CATALOG, "-o", str(tmp_path), "--json").stdout)
    }

    assert (tmp_path / "platform.network.vpc" / "terraform.tfvars.json").is_file()
    assert "platform.network.vpc.vpc_id" in rows["platform.network.subnets"]["waits_for"]


def test_rendering_goes_on_with_given_outputs(tmp_path: Path):
    """`--outputs` stands for what an apply would have given."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(
        json.dumps({"platform.network.vpc.vpc_id": "vpc-1", "platform.network.vpc.cidr_block": "10.20.0.0/16"})
    )

    mcop("render", "storefront-staging", *CATALOG, "-o", str(tmp_path / "roots"), "--outputs", str(outputs))

    values = json.loads((tmp_path / "roots" / "platform.network.subnets" / "terraform.tfvars.json").read_text())
    assert "vpc-1" == values["vpc_id"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["plan", "storefront-stagin", *CATALOG], 3, 'Did you mean "storefront-staging"?'),
        (["plan", "storefront-staging", *CATALOG, "--set", "zone=[a]"], 2, 'Did you mean "zones"?'),
        (["plan", "storefront-staging", *CATALOG, "--set", "zones"], 2, "NAME=VALUE"),
        (["plan", "storefront-staging", *CATALOG, "--set", "log_retention_days=4"], 2, "log_retention_days"),
        (["schema", "patterns"], 2, "patterns"),
        (["plan", "storefront-staging", "--catalog", "nowhere"], 2, "nowhere"),
    ],
)
def test_a_mistake_gives_its_exit_code_and_no_traceback(arguments: list[str], code: int, told: str):
    """Where, what, what was allowed, the nearest right answer; a traceback only with --debug."""
    finished = mcop(*arguments)

    assert code == finished.returncode
    assert told in finished.stderr
    assert "Traceback" not in finished.stderr


def test_debug_shows_the_traceback():
    """Whoever asks for it gets it."""
    assert "Traceback" in mcop("--debug", "plan", "nothing", *CATALOG).stderr


def test_the_version_is_told():
    """As the package's metadata has it."""
    assert mcop("--version").stdout.split() == ["mcop", version("mcop")]


@pytest.mark.parametrize("kind", ["primitive", "adapter", "pattern", "workflow", "manifest", "rule"])
def test_every_kind_has_a_schema_that_editors_can_use(kind: str):
    """The schema is JSON Schema, names the fields of the kind, and offers nothing that publishing sets."""
    schema = json.loads(mcop("schema", kind).stdout)

    assert {"name", "version"} <= set(schema["properties"])
    assert not {"template", "locks", "interface"} & set(schema["properties"])


def test_numbers_are_text_where_the_parameter_is():
    """The plan's own types read `--set`, as the DAG's do when it is executed."""
    sets = ["--set", "mail_sender=007", "--set", "zones=[1, 2]"]
    rows = json.loads(mcop("plan", "storefront-staging", *CATALOG, *sets, "--explain", "--json").stdout)

    values = {row["value"] for row in rows if row["layer"] == "run override"}
    assert {'"007"', '["1","2"]'} == {value.replace(" ", "") for value in values}


def test_a_table_in_a_pipe_is_not_folded(tmp_path: Path):
    """One line a step, whatever it waits for, and nothing trails."""
    lines = mcop("render", "storefront-staging", *CATALOG, "-o", str(tmp_path)).stdout.splitlines()

    assert lines[0].split() == ["STEP", "ARTIFACT", "WAITS", "FOR"]
    assert all(line.startswith("platform.") or line.count(".") >= 2 for line in lines[1:])
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_a_shell_completes_commands(tmp_path: Path):
    """Bash reads what `--show-completion` prints, and offers the commands and options that begin so."""
    (tmp_path / "mcop").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mcop_core "$@"\n')
    (tmp_path / "mcop").chmod(0o755)
    script = """
        source <(mcop --show-completion; true)
        for words in "mcop ex" "mcop executions l" "mcop cancel --j"; do
            COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _mcop_completion mcop; echo "${COMPREPLY[@]}"
        done
    """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    finished = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, cwd=ROOT)

    assert ["execute executions", "list logs", "--json"] == finished.stdout.splitlines()


def test_starting_loads_nothing_heavy():
    """Whoever asks for help or completion waits for no library of the cloud's, Airflow's or the documents'."""
    program = "import sys, mcop_core.cli.main as m; print(*(set(sys.modules) & set(sys.argv[1:])))"
    heavy = ["airflow", "boto3", "httpx", "hcl2", "jinja2", "pydantic", "rich", "re2", "yaml"]
    finished = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, cwd=ROOT)

    assert "" == finished.stdout.strip()
