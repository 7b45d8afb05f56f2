"""What executions leave behind, read through Airflow's REST API and in its database: bills, differences, replays."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcop_core import bootstrap
from mcop_core.catalog.models import ValidationRule
from mcop_core.compiler.snapshot import load_plan
from mcop_core.engines.artifact import RenderedArtifact, artifact_key
from mcop_core.executions.history import AirflowHistory
from mcop_core.records.bill import BILL, bill_document
from mcop_core.records.comparison import compare
from mcop_core.records.export import exported_bills
from mcop_core.records.reading import read_bill
from mcop_core.settings import Settings
from tests.core.cli.conftest import mcop  # noqa: F401
from tests.plugins.small_catalog import MODULE, filled
from tests.plugins.test_approval import Asker

pytestmark = pytest.mark.terraform

DEPLOYED, OVERRIDDEN, ELSEWHERE = "mcop.shop/one", "mcop.shop/two", "mcop.cafe/one"
FIRST, SECOND = "platform.pair.first", "platform.pair.second"
API = "/mcop/api/v1"


@pytest.fixture(scope="module")
def world(scheduling, tmp_path_factory):
    """A catalog whose manifest `shop` was approved and deployed, and later deployed with an override."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        scheduling.forget_runs()
        made = Asker(filled(settings, folder / "states"), scheduling)
        made.publish("shop", "1.0.1")
        made.start("shop", "one")
        made.answer("shop", "one", "Approve")
        made.publish("shop", "1.1.0", approval="never", base="two")
        made.deploy("shop", run_id="two", conf={"labels": ["x"]})
        made.deploy("cafe", run_id="one", rounds=0)
        yield made


@pytest.fixture(scope="module")
def airflow(world):
    """Airflow's own routes that MCOP reads, and the plugin's API beside them."""
    from tests.plugins.serving import Airflow

    return Airflow()


@pytest.fixture(scope="module")
def bills(world, airflow):
    """Return execution -> its bill, as the command line reads it."""
    with airflow.api() as api:
        history = AirflowHistory(api)
        wanted = (DEPLOYED, OVERRIDDEN)
        return {name: read_bill(history, world.catalog.store, history.get(name)) for name in wanted}


@pytest.fixture
def command(mcop, airflow, monkeypatch):  # noqa: F811
    """Return `mcop`, speaking to *airflow*."""
    monkeypatch.setattr(bootstrap, "open_airflow", lambda settings: airflow.api())
    return mcop


def artifact_of(world, step):
    return RenderedArtifact.from_json(world.catalog.store.get(artifact_key(step.artifact)).data, step.artifact)


def test_a_bill_names_everything_an_execution_was_made_of(world, bills):
    """Versions, digests, the approval with the person, each step's values with their layers, and what came of it."""
    found = bills[DEPLOYED]
    first, second = found.steps

    assert (found.status, found.action, found.requested_by) == ("COMPLETED", "apply", "tester")
    assert found.manifest == "manifest#shop@1.0.1" and "primitive#thing@1.0.0" in found.objects
    assert [(one.preview, one.by) for one in found.approvals] == [(found.preview, ("boss",))]
    assert (first.id, first.outcome, first.added, first.attempts) == (FIRST, "applied", 1, 1)
    assert first.template == world.catalog.primitive().template.digest
    assert {one.name: (one.value, one.layer) for one in second.parameters} == {
        "name": ("after-one", "pattern element"),
        "tags": (["a", "b"], "pattern element"),
    }
    assert first.outputs == {"name": "one", "tags": ["a", "b"]}
    assert [artifact_of(world, step).engine for step in found.steps] == ["terraform", "terraform"]


def test_an_override_is_billed_with_its_layer(bills):
    """What the run was given, and which inputs it reached; nobody was asked."""
    found = bills[OVERRIDDEN]
    values = {one.name: (one.value, one.layer) for one in found.steps[0].parameters}

    assert found.overrides == {"labels": ["x"]}
    assert values == {"name": ("two", "manifest configuration"), "tags": (["x"], "run override")}
    assert (found.approvals, found.preview) == ((), None)


def test_a_bill_is_json_and_back(bills):
    """The document holds all of it."""
    for found in bills.values():
        assert BILL.validate_json(json.dumps(bill_document(found))) == found


def test_executions_differ_where_they_were_given_something_else(bills):
    """Versions, parameters with their layers, artifacts and outcomes; templates and providers are the same."""
    sections = compare(bills[DEPLOYED], bills[OVERRIDDEN]).sections
    told = [str(one) for differing in sections.values() for one in differing]

    assert set(sections) == {"execution", "versions", "overrides", "parameters", "artifacts", "outcomes"}
    assert '~ manifest#shop: "1.0.1" -> "1.1.0"' in told
    assert f'~ {FIRST}.tags.layer: "pattern default" -> "run override"' in told
    assert f'~ {FIRST}.name.value: "one" -> "two"' in told
    assert f"~ {FIRST}.added: 1 -> 0" in told
    assert not compare(bills[DEPLOYED], bills[DEPLOYED]).sections


def test_after_fifty_changes_of_the_catalog_a_replay_is_byte_identical(world, bills, command, tmp_path):
    """New versions of the primitive, of the manifest and of rules came after; the recorded ones are rendered."""
    catalog = world.catalog
    for number in range(16):
        catalog.publish(catalog.primitive(f"1.0.{number + 1}", MODULE + f"# {number}\n"))
        catalog.publish(catalog.manifest("shop", f"2.0.{number}", base="later"))
        catalog.publish(ValidationRule(name="base", version=f"1.1.{number}", type="string", value="later"))
    catalog.revoke("primitive#thing@1.0.0", "found to be wrong")
    catalog.activate("shop", "2.0.0")
    code, out, _ = command("replay", DEPLOYED, "--output", str(tmp_path), "--json")
    rendered = {
        step.id: {str(path.relative_to(tmp_path / step.id)): path.read_bytes() for path in files(tmp_path / step.id)}
        for step in bills[DEPLOYED].steps
    }

    assert (code, [one["identical"] for one in json.loads(out)]) == (0, [True, True])
    assert rendered == {step.id: dict(artifact_of(world, step).files) for step in bills[DEPLOYED].steps}


def files(folder: Path):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_replay_without_its_template_says_so(world, bills, command):
    """The steps that need what is gone are named, with the key; the exit code is 1."""
    template = load_plan(world.catalog.store, bills[DEPLOYED].plan).steps[0].template
    key = f"{template.prefix}/main.tf"
    kept = world.catalog.store.get(key).data
    world.catalog.store.delete(key)
    code, out, err = command("replay", DEPLOYED)
    world.catalog.store.put(key, kept)

    assert code == 1
    assert "2 of 2 steps" in err and FIRST in err and key in err
    assert out.count("differs") == 2


def test_an_execution_that_rendered_nothing_replays_nothing(command):
    """It is said of each step."""
    code, out, _ = command("replay", ELSEWHERE)

    assert (code, out.count("was not rendered")) == (0, 2)


def test_the_command_line_shows_bills_and_differences(command):
    """For people as text, for programs as JSON."""
    code, shown, _ = command("executions", "show", DEPLOYED, "--bill")
    told = command("executions", "diff", DEPLOYED, OVERRIDDEN)[1]
    document = json.loads(command("executions", "diff", DEPLOYED, OVERRIDDEN, "--json")[1])

    assert code == 0
    assert "approved: preview" in shown and "by boss at" in shown
    assert "labels (pattern#pair@1.0.0 parameters.labels.default)" in shown
    assert "1 added, 0 changed, 0 destroyed, attempts: 1" in shown
    assert '~ manifest#shop: "1.0.1" -> "1.1.0"' in told
    assert {"path": "labels", "after": ["x"]} in document["differences"]["overrides"]


# -- the plugin's API ---------------------------------------------------------------------------------------


def test_the_api_answers_what_the_command_line_shows(airflow, command):
    """Executions, bills, differences and previews are the same documents, from the database and by REST."""
    client = airflow.client("ann", "VIEWER")
    paths = {
        f"/executions/{DEPLOYED}": ("executions", "show", DEPLOYED),
        f"/executions/{DEPLOYED}/bill": ("executions", "show", DEPLOYED, "--bill"),
        f"/executions/{DEPLOYED}/diff?to={OVERRIDDEN}": ("executions", "diff", DEPLOYED, OVERRIDDEN),
        f"/executions/{DEPLOYED}/preview": ("executions", "preview", DEPLOYED),
        "/executions?manifest=shop": ("executions", "list", "shop"),
    }

    for path, words in paths.items():
        assert json.loads(command(*words, "--json")[1]) == client.get(API + path).json(), path


def routes():
    from mcop_airflow.api import app

    return [route.path for route in app.routes if "GET" in route.methods]


def address(path):
    return API + path.replace("{dag_id}/{run_id}", DEPLOYED) + ("?to=" + OVERRIDDEN if path.endswith("diff") else "")


def test_no_route_of_the_api_is_open(airflow):
    """Whoever does not say who they are gets 401 from each, whoever may do nothing 403, and others an answer."""
    found = {path: address(path) for path in routes()}

    assert len(found) == 6
    assert {path: airflow.client().get(where).status_code for path, where in found.items()} == dict.fromkeys(found, 401)
    nobody = {path: airflow.client("nobody").get(where).status_code for path, where in found.items()}
    assert nobody == dict.fromkeys(found, 403)
    viewer = {path: airflow.client("ann", "VIEWER").get(where).status_code for path, where in found.items()}
    assert viewer == dict.fromkeys(found, 200)


def test_a_token_of_somebody_else_opens_nothing(airflow):
    """A signature that is not Airflow's is refused."""
    client = airflow.client()
    assert client.get(f"{API}/executions", headers={"Authorization": "Bearer forged"}).status_code == 403


def test_a_user_sees_the_dags_that_they_may_read(airflow):
    """Others are not in the list, and cannot be had by name, nor as the other side of a difference."""
    from tests.plugins.serving import SHOPKEEPER

    client = airflow.client(SHOPKEEPER, "VIEWER")
    everybody = {one["id"] for one in airflow.client("ann", "VIEWER").get(f"{API}/executions").json()}

    assert {DEPLOYED, OVERRIDDEN, ELSEWHERE} == everybody
    assert {DEPLOYED, OVERRIDDEN} == {one["id"] for one in client.get(f"{API}/executions").json()}
    for path in (ELSEWHERE, f"{ELSEWHERE}/bill", f"{ELSEWHERE}/preview", f"{DEPLOYED}/diff?to={ELSEWHERE}"):
        assert client.get(f"{API}/executions/{path}").status_code == 403, path
    assert client.get(f"{API}/executions/{DEPLOYED}/diff?to={OVERRIDDEN}").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("mcop.shop/three", 404, "there is no execution 'mcop.shop/three'"),
        ("mcop.shop/two/preview", 404, "has no preview"),
        (f"{DEPLOYED}/diff?to=shop", 400, "is no execution"),
        (f"{DEPLOYED}/diff", 422, "Field required"),
    ],
)
def test_a_bad_question_is_told(airflow, path, status, said):
    """With what was wrong, as everywhere."""
    answer = airflow.client("ann", "VIEWER").get(f"{API}/executions/{path}")

    assert (answer.status_code, said in answer.text) == (status, True)


def test_the_list_has_pages(airflow):
    """The newest come first; so many are left out, so many shown."""
    client = airflow.client("ann", "VIEWER")
    listed = [one["id"] for one in client.get(f"{API}/executions").json()]

    pages = [client.get(f"{API}/executions?limit=1&offset={number}").json() for number in range(4)]
    assert [[one["id"] for one in page] for page in pages] == [[one] for one in listed] + [[]]
    assert client.get(f"{API}/executions?limit=101").status_code == 422


def test_the_api_describes_itself(airflow):
    """Each route with its login and the form of its answer, which the answers have."""
    document = airflow.client("ann", "VIEWER").get(f"{API}/openapi.json").json()
    described = {path: operations["get"] for path, operations in document["paths"].items() if "get" in operations}

    assert {*described, "/openapi.json"} == set(routes())
    assert document["servers"] == [{"url": API}]
    assert all(one["security"] and {"200", "401", "403"} <= set(one["responses"]) for one in described.values())
    bill = described["/executions/{dag_id}/{run_id}/bill"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert bill == {"$ref": "#/components/schemas/BillOfMaterials"}


# -- kept for longer than Airflow keeps it ------------------------------------------------------------------


def test_exported_executions_have_their_bills(bills, airflow, command, tmp_path):
    """Everything up to a moment, asked for on the command line; one that has not ended is named."""
    code, _, err = command("executions", "export", "--older-than", "0", "--output", str(tmp_path / "all.jsonl"))
    assert (code, ELSEWHERE in err, list(tmp_path.iterdir())) == (5, True, [])

    with airflow.api() as api:
        api.fail_run(*ELSEWHERE.split("/"))
    code, out, _ = command("executions", "export", "--older-than", "0", "--output", str(tmp_path / "all.jsonl"))

    assert (code, out.startswith("3 executions before")) == (0, True)
    exported = exported_bills(tmp_path / "all.jsonl")
    assert {name: exported[name] for name in bills} == bills


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "either --before DATE or --older-than DAYS"),
        (("--before", "2026-01-01", "--older-than", "1"), "either --before DATE or --older-than DAYS"),
        (("--before", "yesterday"), "write 2026-01-31"),
    ],
)
def test_an_export_says_up_to_when(command, tmp_path, options, said):
    """Exactly one of the two ways, and a date."""
    code, _, err = command("executions", "export", *options, "--output", str(tmp_path / "all.jsonl"))

    assert (code, said in err, list(tmp_path.iterdir())) == (2, True, [])


def test_what_airflow_has_forgotten_is_in_the_export(bills, airflow, command, tmp_path):
    """After `airflow db clean` the export still shows, compares and replays; Airflow knows none of it any more."""
    from airflow.utils.db_cleanup import run_cleanup

    file = str(tmp_path / "all.jsonl")
    command("executions", "export", "--older-than", "0", "--output", file)
    shown = command("executions", "show", DEPLOYED, "--bill", "--json")[1]
    run_cleanup(clean_before_timestamp=datetime.now(UTC), table_names=["dag_run"], confirm=False, skip_archive=True)
    code, out, _ = command("replay", DEPLOYED, "--export", file)

    assert command("executions", "show", DEPLOYED, "--bill")[0] == 3
    assert command("executions", "show", DEPLOYED, "--bill", "--export", file, "--json")[1] == shown
    assert (code, out.count("identical")) == (0, 2)
    assert "labels" in command("executions", "diff", DEPLOYED, OVERRIDDEN, "--export", file)[1]
    code, _, err = command("replay", "mcop.shop/on", "--export", file)
    assert (code, f'Did you mean "{DEPLOYED}"' in err) == (3, True)
