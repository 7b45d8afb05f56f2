"""Spans: nothing where nobody traces; below the span that there is, over the runner's process, and without a value."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mcop_core.runner import attach
from mcop_core.runner.request import Outcome
from tests.core.engines.terraform.operations import artifact
from tests.core.runner.conftest import works  # noqa: F401
from tests.emulators import free_port
from tests.otlp import receiving

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
FACTS = {"namespace": "team", "manifest": "shop", "action": "apply", "requested_by": "ann", "overrides": {}}
CANARY = "canary-of-a-value"

OFF = """
import sys, time
from mcop_core import rendering, previewing, telemetry
from mcop_core.drift import detect
from mcop_core.runner import main

def work():
    with telemetry.span("apply", manifest="team/shop", component="a.b.c") as told:
        told.count(added=3)
    telemetry.begin("terraform", command="plan").end()

start = time.process_time()
for _ in range(1000):
    work()
assert telemetry.carried() == {}
with telemetry.joined({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "mcop-runner"):
    work()
print(time.process_time() - start, [name for name in sys.modules if name.startswith("opentelemetry")])
"""

ON = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from mcop_core.errors import EngineFailed, Waiting
from mcop_core.telemetry import begin, carried, span

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
with provider.get_tracer("airflow").start_as_current_span("worker.apply"):
    with span("apply", manifest="team/shop", component="a.b.c", execution="d/r", engine="terraform") as told:
        told.count(added=3)
        command = begin("terraform", command="plan")
        command.end("exit code 1")
        command.end()
        sent = carried()
    try:
        with span("render"):
            raise EngineFailed("canary-of-a-value", diagnostics=(), hint="")
    except EngineFailed:
        pass
    try:
        with span("settle"):
            raise Waiting("a build is in the queue", look_again_s=5)
    except Waiting:
        pass
ended = [json.loads(one.to_json()) for one in kept.get_finished_spans()]
print(json.dumps({"sent": sent, "ended": ended}))
"""


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_imported_and_nothing_is_spent_where_nobody_traces():
    """A thousand spans and more cost less than a millisecond each, and OpenTelemetry is never loaded."""
    seconds, _, loaded = run(OFF).partition(" ")

    assert float(seconds) < 1.0
    assert loaded.strip() == "[]"


def test_spans_are_children_and_tell_no_value():
    """What is said is in the attributes; of an error its class alone, no message and no traceback."""
    text = run(ON)
    told = json.loads(text)
    spans = {one["name"]: one for one in told["ended"]}
    outer, apply = spans["worker.apply"], spans["mcop.apply"]

    assert apply["parent_id"] == spans["mcop.render"]["parent_id"] == outer["context"]["span_id"]
    assert apply["attributes"] == {
        "mcop.operation": "apply",
        "mcop.manifest": "team/shop",
        "mcop.component": "a.b.c",
        "mcop.execution": "d/r",
        "mcop.engine": "terraform",
        "mcop.added": 3,
    }
    assert spans["mcop.terraform"]["parent_id"] == apply["context"]["span_id"]
    assert spans["mcop.terraform"]["status"]["status_code"] == "ERROR"
    assert spans["mcop.render"]["attributes"]["error.type"] == "EngineFailed"
    assert spans["mcop.settle"]["status"]["status_code"] == "UNSET"
    assert spans["mcop.render"]["events"] == [] and CANARY not in text
    assert told["sent"]["TRACEPARENT"].split("-")[2] == apply["context"]["span_id"].removeprefix("0x")


def follow(works, request, **environment):  # noqa: F811
    settings = replace(works.settings, exemptions="")
    return attach.follow(request, settings, {**os.environ, **environment}, on_line=lambda level, line: None)


@pytest.mark.terraform
def test_a_runner_goes_on_with_the_trace_that_asked_for_it(works):  # noqa: F811
    """Its spans and those of Terraform's commands are below the task's, and no value is in anything that is sent."""
    rendered = artifact(works.store.url, module(), inputs={"text": CANARY}, types={"text": "string"}, sensitive=("t",))
    request = replace(works.request(rendered), step="main.group.thing", execution=FACTS)
    with receiving() as receiver:
        result = follow(works, request, **SAMPLED, **receiver.environment)
    (apply,) = receiver.named("mcop.apply")
    commands = {one.attributes["mcop.command"]: one for one in receiver.named("mcop.terraform")}

    assert result.outcome is Outcome.SUCCEEDED
    assert (apply.trace, apply.parent, apply.service, apply.failed) == (TRACE, PARENT, "mcop-runner", False)
    assert apply.attributes == {
        "mcop.operation": "apply",
        "mcop.manifest": "team/shop",
        "mcop.component": "main.group.thing",
        "mcop.execution": "dag/run",
        "mcop.engine": "terraform",
        "mcop.added": 1,
        "mcop.changed": 0,
        "mcop.destroyed": 0,
    }
    assert {"init", "apply"} <= set(commands) and {one.parent for one in commands.values()} == {apply.id}
    assert CANARY.encode() not in b"".join(receiver.raw)


@pytest.mark.terraform
def test_a_failure_is_told_without_its_words(works):  # noqa: F811
    """Terraform's own words may hold a value: the trace has the error's class, and the command's exit code."""
    wrong = module()
    wrong["resource"]["terraform_data"]["this"]["lifecycle"] = {
        "postcondition": {"condition": "${self.output == 1}", "error_message": CANARY}
    }
    rendered = artifact(works.store.url, wrong, inputs={"text": CANARY}, types={"text": "string"}, sensitive=("t",))
    with receiving() as receiver:
        result = follow(works, works.request(rendered), **SAMPLED, **receiver.environment)
    (apply,) = receiver.named("mcop.apply")
    (command,) = [one for one in receiver.named("mcop.terraform") if one.attributes["mcop.command"] == "apply"]

    assert result.outcome is Outcome.FAILED and CANARY in result.error
    assert apply.failed and apply.attributes["error.type"] == "EngineFailed"
    assert command.failed and command.attributes["error.type"] == "exit code 1"
    assert [one.events for one in receiver.spans if one.events] == []
    assert CANARY.encode() not in b"".join(receiver.raw)


@pytest.mark.terraform
@pytest.mark.parametrize(
    "wrong",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_TRACES_EXPORTER": "otlp_proto_http"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "otlp_proto_htp"},
    ],
    ids=["nobody listens", "no such exporter"],
)
def test_a_collector_that_is_not_there_keeps_nothing_from_being_applied(works, wrong):  # noqa: F811
    """The operation succeeds; a name that is wrong is told in the runner's own output, with the nearest right one."""
    rendered = artifact(works.store.url, module(), inputs={"text": "a"}, types={"text": "string"}, sensitive=("t",))
    request = works.request(rendered)

    assert follow(works, request, **SAMPLED, **wrong).outcome is Outcome.SUCCEEDED
    if wrong["OTEL_TRACES_EXPORTER"] == "otlp_proto_htp":
        assert 'Did you mean "otlp_proto_http"?' in works.folder_of(request).output.read_text()


def module():
    return {
        "resource": {"terraform_data": {"this": {"input": "${var.text}"}}},
        "output": {"t": {"value": "${terraform_data.this.output}", "sensitive": True}},
    }
