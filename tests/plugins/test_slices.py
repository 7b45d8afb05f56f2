"""An execution of a few patterns: the others stay as they are, and what is taken from them is what they left."""

import pytest

from mcop_core.catalog.models import Manifest, Pattern, Workflow
from mcop_core.settings import Settings
from tests.plugins.small_catalog import FAILING_MODULE, LOCAL, blocks, filled
from tests.plugins.test_approval import Asker

pytestmark = pytest.mark.terraform

PAIR, TAIL = ("platform.pair.apply_first", "platform.pair.apply_second"), "platform.tail.apply_third"


class Slicer(Asker):
    """Publishes manifests with a pattern behind `pair`, which takes a plain and a sensitive output of it."""

    def publish_blocks(self):
        inputs = {"name": "${given}-${token}", "tags": "${labels}"}
        parameters = {
            "given": {"type": "string"},
            "token": {"type": "string"},
            "labels": {"type": "list(string)", "default": ["a", "b"]},
        }
        elements = {"third": {"primitive": "thing", "version": "~> 1.0", "inputs": inputs}}
        tail = {"given": "${pair.second.name}", "token": "${pair.first.token}"}
        (platform,) = (one for one in blocks() if isinstance(one, Workflow))
        patterns = {
            "pair": {"pattern": "pair", "version": "~> 1.0"},
            "tail": {"pattern": "tail", "version": "1.0.0", "inputs": tail},
        }
        long = {"name": "long", "patterns": patterns, "sequence": ["pair", "tail"]}
        self.catalog.publish(
            Pattern(name="tail", version="1.0.0", parameters=parameters, elements=elements, **LOCAL),
            Workflow.model_validate({**platform.model_dump(), **long}),
        )

    def publish_long(self, name, approval):
        document = self.catalog.manifest(name).document()
        workflows = {"platform": {"workflow": "long", "version": "1.0.0"}}
        self.catalog.publish(Manifest.model_validate({**document, "workflows": workflows, "approval": approval}))


@pytest.fixture(scope="module")
def slicer(scheduling, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sliced")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        made = Slicer(filled(settings, folder / "states"), scheduling)
        made.publish_blocks()
        yield made


def test_a_slice_is_previewed_approved_and_applied_alone(slicer):
    """Nothing of it begins before the approval; what it takes from the others is what they left last."""
    slicer.publish_long("sliced", "always")
    slicer.start("sliced", "all")
    assert slicer.answer("sliced", "all", "Approve")[1][TAIL] == "success"
    conf = {"only": ["platform.tail"], "labels": ["c"]}

    run, tasks = slicer.start("sliced", "tail", conf=conf)

    assert (run, tasks["approve"], tasks["platform.tail.render_third"]) == ("running", "awaiting_input", "None")
    asked = slicer.question("sliced", "tail")
    assert "0 to add, 1 to change, 0 to replace, 0 to destroy, in 1 component." in asked.subject
    run, tasks = slicer.answer("sliced", "tail", "Approve")
    assert (run, tasks[TAIL], tasks["remove"]) == ("success", "success", "skipped")
    assert [tasks[task] for task in PAIR] == ["skipped", "skipped"]
    assert slicer.preview("sliced", "tail").only == ("platform.tail",)
    applied = slicer.xcoms("tail", "mcop.sliced")
    assert applied[TAIL, "tags"] == ["c"]
    assert slicer.preview("sliced", "tail").counts["update"] == 1


def test_a_slice_that_fails_is_a_failed_run(slicer, capsys):
    """Although the tasks behind it, the last ones of the graph, were skipped ahead."""
    slicer.publish_long("sound", "never")
    run, tasks = slicer.deploy("sound", run_id="tail", conf={"only": ["platform.tail"]})
    assert (run, tasks["platform.tail.render_third"], tasks["remove"]) == ("failed", "failed", "upstream_failed")
    assert "platform.pair.second was never applied: execute its pattern first" in capsys.readouterr().out

    slicer.catalog.publish(slicer.catalog.primitive("1.0.1", FAILING_MODULE))
    slicer.publish_long("unsound", "never")
    run, tasks = slicer.deploy("unsound", run_id="pair", conf={"only": ["platform.pair"]})
    assert (run, tasks[PAIR[0]], tasks[PAIR[1]], tasks[TAIL]) == ("failed", "failed", "upstream_failed", "skipped")
    assert tasks["remove"] == "upstream_failed"
