"""`mcop policy test`, against a small Airflow over real HTTP and previews in a folder."""

import json

import pytest

from mcop_core import bootstrap
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.engines.changes import Action, ComponentChanges, Mode, Objection, Preview, ResourceChange, preview_key
from tests.core.executions.fake_airflow import make_dag, make_run

pytestmark = pytest.mark.usefixtures("reachable")

PLAN = DeploymentPlan(manifest="manifest#shop@1.0.0", namespace="team", workflows=())
POLICY = """
deny: preview.counts["destroy"] > 0 && execution.namespace == "team" && execution.requested_by == "ann"
message: ann destroys nothing

warn: size(preview.objections) > 0
message: what others said then

warn: preview.counts["create"] > 0
message: something new
"""


@pytest.fixture
def airflow(airflow, monkeypatch, tmp_path):
    """`shop` was executed four times: it made something, destroyed it, was not previewed, and lost its preview."""
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("MCOP_ARTIFACT_STORE", f"file://{tmp_path}/store")
    store = bootstrap.open_store(f"file://{tmp_path}/store")
    store.put(f"plans/{PLAN.digest}.json", PLAN.to_json())
    airflow.dags = {"mcop.shop": make_dag("mcop.shop")}
    airflow.runs = [
        make_run("mcop.shop", run, number, triggering_user_name="", conf={"mcop.requested_by": "ann"})
        for number, run in enumerate(("made", "destroyed", "unseen", "lost"))
    ]
    for run, action in (("made", Action.CREATE), ("destroyed", Action.DESTROY)):
        preview = preview_of(action)
        store.put(preview_key(preview.digest), preview.to_json())
        airflow.xcoms[run, "preview"] = {"preview": preview.digest}
    airflow.xcoms["lost", "preview"] = {"preview": "f" * 64}
    return airflow


def preview_of(action):
    one = ComponentChanges("w.p.e", Mode.MERGED, "", (ResourceChange("aws_thing.this", "aws_thing", action),))
    return Preview(PLAN.manifest, PLAN.digest, (one,), objections=(Objection("old", "no", denies=True),))


def test_every_execution_is_judged_anew(mcop, tmp_path):
    """By what was known of it then, without the verdicts of then; one that would have been stopped is exit code 5."""
    (tmp_path / "new.cel").write_text(POLICY)
    code, out, err = mcop("policy", "test", str(tmp_path / "new.cel"))

    assert code == 5 and "1 of 4 executions would have been stopped" in err
    assert out.splitlines() == [
        f"mcop.shop/lost: not asked: file://{tmp_path}/store has no previews/{'f' * 64}.json",
        "mcop.shop/unseen: not asked: it has no preview",
        "mcop.shop/destroyed: would have been stopped",
        "  DENIED new: ann destroys nothing",
        "mcop.shop/made: would have passed",
        "  Warning new: something new",
        "2 of 4 executions asked about.",
    ]


def test_the_answer_is_a_document_too(mcop, tmp_path):
    """Of as many executions as were asked for, the newest first; a folder is read as a whole."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "none.cel").write_text("deny: false\nmessage: never\n")
    code, out, _ = mcop("policy", "test", str(tmp_path / "policies"), "--manifest", "shop", "--last", "3", "--json")

    found = json.loads(out)
    assert (code, found["stopped"]) == (0, 0)
    assert [one["execution"] for one in found["executions"]] == [
        f"mcop.shop/{r}" for r in ("lost", "unseen", "destroyed")
    ]


def test_a_broken_policy_judges_nothing(mcop, tmp_path):
    """Its faults are told with their lines; no policy at all is a fault as well."""
    (tmp_path / "bad.rego").write_text("package bad\n\ndeny contains 1 if {\n")
    (tmp_path / "empty").mkdir()
    code, _, err = mcop("policy", "test", str(tmp_path / "bad.rego"))
    assert code == 2 and "bad.rego:" in err
    assert mcop("policy", "test", str(tmp_path / "empty"))[0] == 2
