"""A build that takes longer than a slot is worth, in Airflow's own task machinery: approved once, waited for, done."""

import threading

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.executions import naming
from mcop_core.operations import Operations
from mcop_core.publishing import publish_folder
from tests import pipelines
from tests.core.runner.conftest import wait_for
from tests.fakes.jenkins_server import TOKEN, running_jenkins
from tests.plugins.small_catalog import SmallCatalog
from tests.plugins.test_approval import Asker

JOB = "mcop/team/app/app/delivery/release"
TASK = "app.delivery.apply_release"
INTERFACE = "inputs:\n  word: {type: string}\noutputs:\n  number: {type: number, from: {build: number}}\n"
SCRIPT = "node {\n    echo {{ word }}\n}\n"
APP = """\
kind: workflow
name: app
version: 1.0.0
patterns: {delivery: {pattern: delivery, version: 1.0.0}}
backend: {type: local, path: "${states}"}
---
kind: manifest
name: app
version: 1.0.0
namespace: team
approval: always
configuration: {states: "%s"}
workflows: {app: {workflow: app, version: 1.0.0}}
"""


@pytest.fixture
def jenkins():
    with running_jenkins() as running:
        running.is_held = True
        yield running


@pytest.fixture
def asker(scheduling, jenkins, environment, tmp_path, monkeypatch):
    scheduling.forget_runs()
    monkeypatch.setenv("MCOP_SECRET_JENKINS_TOKEN", TOKEN)
    documents = pipelines.joined(
        pipelines.adapter(jenkins.url, wait_in_slot_s=0),
        pipelines.RELEASE,
        pipelines.delivery({"word": {"type": "string", "default": "one"}}, {"word": "${word}"}),
        APP % (tmp_path / "states"),
    )
    templates = {"release/Jenkinsfile": SCRIPT, "release/interface.yaml": INTERFACE}
    folder = pipelines.write_catalog(tmp_path / "catalog", documents, templates)
    catalog = SmallCatalog(MemoryRepository(), environment, tmp_path / "states")
    publish_folder(folder, catalog.repository, catalog.store, lambda name: open_engine(name, environment))
    return Asker(catalog, scheduling)


def release_once_it_waits(jenkins, operations):
    """Let the build come to its end once a task has left it alone."""

    def act():
        wait_for(lambda: any(note.is_waiting for note in operations.open(["mcop.app/one"])), timeout_s=120)
        jenkins.is_held = False

    threading.Thread(target=act, daemon=True).start()


def test_approved_once_it_is_waited_for_and_done(asker, jenkins, capsys):
    """In one attempt: nobody is asked again, one build is made, all that was done counts, and no note stays."""
    operations = Operations(asker.catalog.store)
    asker.start("app", "one")
    release_once_it_waits(jenkins, operations)
    run, tasks = asker.answer("app", "one", "Approve")
    told = capsys.readouterr().out

    assert ("success", "success") == (run, tasks[TASK])
    left = asker.xcoms("one", "mcop.app")
    assert (1, 2) == (left[TASK, "number"], left[TASK, naming.RESULT_KEY]["added"])
    assert ["SUCCESS"] == [build.result for build in jenkins.builds_of(JOB)]
    assert 1 == told.count("| Started by user")
    assert "Waiting without a worker slot for 5 s: the build of" in told
    assert [] == operations.open()
