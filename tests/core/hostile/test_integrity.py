"""
Tampering with what an apply goes by, for real: each is refused, and the cloud was asked for nothing after it.

`pytest -s -n0 tests/core/hostile/test_integrity.py` prints the matrix. The cloud is a server of the test's that counts
its requests; a genuine apply asks it once. `tests/plugins/test_integrity.py` does the same to tasks of Airflow.
"""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcop_core.approval_store import ApprovalStore
from mcop_core.approvals import Person
from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.templates import load_template
from mcop_core.engines.artifact import artifact_key, load_artifact
from mcop_core.engines.terraform import operate
from mcop_core.engines.terraform.command import PLAN_FILE
from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.preparation import LOCK_FILE
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.errors import EngineFailed, InvalidInput, Refused, Tampered
from mcop_core.hand_over import HandOver
from mcop_core.refs import OutputRef
from mcop_core.run_records import RunRecords
from tests.core.engines.terraform.operations import SWIFT, Bench, Recorder, artifact
from tests.core.engines.terraform.test_preparation import PACKAGE, Locked, checksum, write_program

KEY = "k" * 32
DIGEST = "d" * 64
PAGE = Path(__file__).parents[3] / "docs" / "security-input.md"


class Cloud:
    """A server that gives every `GET` an empty state, as a backend over HTTP does, and counts."""

    def __init__(self) -> None:
        cloud = self
        cloud.calls = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cloud.calls += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": []}')

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.server.shutdown()
    cloud.server.server_close()


@pytest.fixture(scope="module")
def matrix():
    """Thing -> how it was tampered with -> what refused it, and what was seen not to happen."""
    found: dict[str, dict[str, str]] = {}
    yield found
    for thing, rows in found.items():
        print(f"\n{thing}")
        for how, seen in rows.items():
            print(f"  {how:<40} {seen}")


class Guarded(Bench):
    """An apply whose one resource makes the cloud be asked, and that passes a gate at which a test tampers."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder)
        self.cloud = cloud

    def rendered(self, text: str = "genuine"):
        asks = {"backend": "http", "config": {"address": self.cloud.url}, "depends_on": ["terraform_data.made"]}
        module = {
            "resource": {"terraform_data": {"made": {"input": text}}},
            "data": {"terraform_remote_state": {"cloud": asks}},
        }
        return artifact(self.url, module, inputs={"text": "x"})

    def pass_gate(self, tamper: Callable[[Path], object], rendered=None):
        def gate(_):
            tamper(self.directory)

        how = {"tools": Toolchain("terraform"), "timing": SWIFT}
        return operate.apply(rendered or self.rendered(), self.workspace(), Recorder(), gate, **how)


@pytest.mark.terraform
def test_what_nobody_touched_asks_the_cloud(cloud, tmp_path):
    """So that no request says something."""
    before = cloud.calls
    Guarded(tmp_path, cloud).pass_gate(lambda _: None)

    assert before + 1 == cloud.calls


# -- between plan and apply ----------------------------------------------------------------------------


def change(name: str, how: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_bytes(how((directory / name).read_bytes()))


def add(name: str, text: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_text(text)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def linked(name: str) -> Callable[[Path], object]:
    """Put the very same file elsewhere, where its owner may change it."""

    def tamper(directory: Path) -> None:
        elsewhere = directory.parent / "elsewhere"
        shutil.move(directory / name, elsewhere)
        (directory / name).symlink_to(elsewhere)

    return tamper


EVIL = 'resource "terraform_data" "evil" {\n  provisioner "local-exec" {\n    command = "true"\n  }\n}\n'
BETWEEN = {
    "plan": {
        "a byte more": change(PLAN_FILE, lambda data: data + b"\n"),
        "a byte less": change(PLAN_FILE, lambda data: data[:-1]),
        "a bit flipped": change(PLAN_FILE, flipped),
        "emptied": change(PLAN_FILE, lambda _: b""),
        "removed": lambda directory: (directory / PLAN_FILE).unlink(),
    },
    "files": {
        "a value changed": change("terraform.tfvars.json", lambda data: data.replace(b"x", b"y")),
        "the module changed": change("module/main.tf.json", lambda data: data.replace(b"genuine", b"altered")),
        "a file more": add("evil.tf", EVIL),
        "a file more in the module": add("module/evil.tf", EVIL),
        "an override file": add("x_override.tf", "locals {}"),
        "values that nobody gave": add("x.auto.tfvars.json", '{"text": "evil"}'),
        "a file replaced by a link": linked("module.tf.json"),
        "a file removed": lambda directory: (directory / "module/main.tf.json").unlink(),
    },
}


@pytest.mark.terraform
@pytest.mark.parametrize(("thing", "how"), [(thing, how) for thing, rows in BETWEEN.items() for how in rows])
def test_what_was_changed_between_plan_and_apply_is_refused(thing, how, cloud, tmp_path, matrix):
    """The gate has let the plan pass, and then something is another: nothing is applied, no state appears."""
    bench, before = Guarded(tmp_path, cloud), cloud.calls
    with pytest.raises(Tampered, match="Nothing was applied") as caught:
        bench.pass_gate(BETWEEN[thing][how])

    assert (before, []) == (cloud.calls, bench.stored())
    assert not (bench.directory / PLAN_FILE).exists()
    matrix.setdefault(thing, {})[how] = f"{type(caught.value).__name__}, {cloud.calls - before} requests, no state"


@pytest.mark.terraform
def test_the_plan_of_another_is_refused(cloud, canary, tmp_path, matrix):
    """A whole and valid plan, which Terraform would apply: with a command in it."""
    (tmp_path / "other").mkdir()
    other = Guarded(tmp_path / "other", cloud)
    commands = {"terraform_data": {"x": {"provisioner": [{"local-exec": {"command": f"touch {canary}"}}]}}}
    plan = tmp_path / "plan"

    def steal(directory: Path) -> None:
        shutil.copy(directory / PLAN_FILE, plan)
        raise Refused("stolen")

    with pytest.raises(Refused):
        other.pass_gate(steal, artifact(other.url, {"resource": commands}))
    bench, before = Guarded(tmp_path, cloud), cloud.calls
    with pytest.raises(Tampered) as caught:
        bench.pass_gate(lambda directory: shutil.copy(plan, directory / PLAN_FILE))

    assert (before, []) == (cloud.calls, bench.stored())
    seen = f"{type(caught.value).__name__}, {cloud.calls - before} requests, no state"
    matrix.setdefault("plan", {})["another's, with a command"] = seen


# -- providers and their lock file ---------------------------------------------------------------------


def swap_mirror(bench: Locked) -> None:
    write_program(bench.mirror / PACKAGE, "tampered")


def swap_after_use(bench: Locked) -> None:
    """In the mirror and in the cache, which a first apply has filled."""
    bench.fail("first")
    (bench.folder / "started").unlink()
    swap_mirror(bench)


def swap_in_workspace(bench: Locked) -> None:
    """Where a first attempt was prepared, of the same artifact."""
    swap_after_use(bench)
    package = bench.folder / "run/one" / PACKAGES / PACKAGE
    shutil.copytree(bench.folder / "run/first", bench.folder / "run/one", symlinks=True)
    package.unlink()
    write_program(package, "tampered")


def grow(bench: Locked) -> None:
    with (bench.mirror / PACKAGE / "terraform-provider-thing_v1.0.0").open("a") as program:
        program.write("echo tampered >> $HOME/started\n")


def add_beside(bench: Locked) -> None:
    (bench.mirror / PACKAGE / "terraform-provider-thing_v0.9.0").write_text("#!/bin/sh\n")


def lock_tampered(bench: Locked) -> None:
    """A lock file with the checksum of the swapped program, where an earlier attempt has left one."""
    swap_in_workspace(bench)
    lock = bench.folder / "run/one" / LOCK_FILE
    lock.write_text(lock.read_text().replace(checksum(bench.folder / "genuine"), checksum(bench.mirror / PACKAGE)))


def relock(**changes: str) -> Callable[[Locked], None]:
    def tamper(bench: Locked) -> None:
        swap_mirror(bench)
        text = bench.rendered.files[LOCK_FILE].decode()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        bench.rendered = replace(bench.rendered, files={**bench.rendered.files, LOCK_FILE: text.encode()})

    return tamper


def unlock(bench: Locked) -> None:
    swap_mirror(bench)
    files = {path: data for path, data in bench.rendered.files.items() if path != LOCK_FILE}
    bench.rendered = replace(bench.rendered, files=files)


PROVIDERS = {
    "provider": {
        "swapped in the mirror": swap_mirror,
        "swapped after it was used": swap_after_use,
        "swapped in the workspace": swap_in_workspace,
        "a line more": grow,
        "a file beside it": add_beside,
    },
    "lock file": {
        "its checksum in the workspace": lock_tampered,
        "missing": unlock,
        "no checksum": relock(hashes="no_hashes"),
        "another version": relock(**{"1.0.0": "2.0.0"}),
        "another provider": relock(thing="other"),
    },
}


@pytest.mark.terraform
@pytest.mark.parametrize(("thing", "how"), [(thing, how) for thing, rows in PROVIDERS.items() for how in rows])
def test_a_provider_that_is_not_the_locked_one_never_starts(thing, how, tmp_path, matrix):
    """Terraform itself refuses it, by the lock file that was rendered and is read-only."""
    bench = Locked(tmp_path)
    shutil.copytree(bench.mirror / PACKAGE, tmp_path / "genuine")
    PROVIDERS[thing][how](bench)

    error, _ = bench.fail("one")

    assert "terraform init failed" in error
    assert (set(), []) == (bench.started, bench.stored())
    matrix.setdefault(thing, {})[how] = f"{EngineFailed.__name__}, never started, no state"


# -- what lies in the artifact store -------------------------------------------------------------------

TEXT_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte more": lambda data: data + b" ",
    "a byte less": lambda data: data[:-1],
    "a bit flipped": flipped,
    "emptied": lambda _: b"",
    "replaced": lambda _: b'{"engine": "terraform", "files": {}, "runtime": {}}',
}


@pytest.mark.parametrize("how", TEXT_CHANGES)
def test_an_artifact_or_template_that_was_changed_is_refused(how, door, tmp_path, matrix):
    """By its digest, before there is anything to run; a machine that has the genuine file goes on with that."""
    rendered = artifact(door.store.url, {})
    door.store.put(artifact_key(rendered.digest), TEXT_CHANGES[how](rendered.to_json()))
    with pytest.raises(Tampered):
        load_artifact(door.store, rendered.digest)

    door.publish()
    template = door.plan().steps[0].template
    key = f"{template.prefix}/main.tf"
    door.store.put(key, TEXT_CHANGES[how](door.store.get(key).data))
    with pytest.raises(Tampered):
        load_template(door.store, template, tmp_path / "cache")
    for thing in ("artifact", "template"):
        matrix.setdefault(thing, {})[how] = f"{Tampered.__name__}, not read"


# -- XComs ---------------------------------------------------------------------------------------------

STEP = "main.echo.first"
XCOMS = {
    "artifact of another component": lambda over: over.check_rendered(STEP, "b" * 64),
    "artifact of another run": lambda over: over.check_rendered("main.echo.second", DIGEST),
    "a path as an artifact": lambda over: over.check_rendered(STEP, "../../states/x"),
    "another output": lambda over: over.check_applied(outputs("vpc-2")),
    "an output of another type": lambda over: over.check_applied(outputs(["vpc-1"])),
    "a pointer to another's secret": lambda over: over.check_applied(
        outputs({"mcop_sensitive": {"state": "s3://b#other/x.tfstate", "output": "password"}})
    ),
    "an output that the step has not": lambda over: over.check_applied(outputs("vpc-1", "zone")),
    "outputs of a step that was not applied": lambda over: over.check_applied(outputs("x", step="main.echo.third")),
}


def outputs(value: object, name: str = "vpc", step: str = STEP) -> dict[OutputRef, object]:
    return {OutputRef.parse(f"{step}.{name}"): value}


@pytest.mark.parametrize("how", XCOMS)
def test_an_xcom_that_was_changed_is_refused(how, tmp_path, matrix):
    """By what the run's own records say; the step before any Terraform."""
    store = LocalStore.open(tmp_path.as_uri())
    over = HandOver(store, "mcop.shop", "one", KEY)
    over.rendered(STEP, DIGEST)
    over.applied(STEP, {"vpc": "vpc-1"})
    over.check_rendered(STEP, DIGEST)
    over.check_applied(outputs("vpc-1"))

    with pytest.raises((Tampered, Refused)) as caught:
        XCOMS[how](over)

    matrix.setdefault("XCom", {})[how] = f"{type(caught.value).__name__}, not read"


# -- approvals -----------------------------------------------------------------------------------------


def forged(**facts: object) -> Callable[[dict], bytes]:
    return lambda record: json.dumps({**record, **facts}).encode()


def without(name: str) -> Callable[[dict], bytes]:
    return lambda record: json.dumps({field: value for field, value in record.items() if field != name}).encode()


def from_run(run: str, key: str) -> Callable[[dict], bytes]:
    """What MCOP itself would write for another run, or with another key."""

    def made(_: dict) -> bytes:
        class Kept(dict):
            url = "kept"

            def put(self, name: str, data: bytes) -> None:
                self[name] = data

        kept = Kept()
        ApprovalStore(kept, "mcop.shop", run, key).approve(DIGEST, [ANN])
        return next(iter(kept.values()))

    return made


ANN = Person("ann", "Ann", "2026-01-01")
APPROVALS = {
    "written without the key": without("hmac_sha256"),
    "written with another key": from_run("one", "x" * 32),
    "spent in another run": from_run("two", KEY),
    "for another preview": forged(preview="e" * 64),
    "by another person": forged(people=[{"id": "bob", "name": "Bob", "at": ""}]),
    "for another task": forged(name="main.echo.apply_first"),
    "code of another type": forged(hmac_sha256=["x"]),
    "no JSON": lambda _: b"approved",
    "no record": lambda _: b"[]",
    "nested without end": lambda _: b"[" * 200_000,
    "no text": lambda _: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("how", APPROVALS)
def test_an_approval_that_was_changed_is_refused(how, tmp_path, matrix):
    """It opens nothing, and it is said where it lies and what to do."""
    store = LocalStore.open(tmp_path.as_uri())
    approvals = ApprovalStore(store, "mcop.shop", "one", KEY)
    approvals.approve(DIGEST, [ANN])
    assert DIGEST == approvals.preview()
    (place,) = store.keys("approvals/")
    store.put(place, APPROVALS[how](json.loads(store.get(place).data)))

    with pytest.raises(Tampered, match=r"approvals/\w+/run.json .*Clear the task that wrote it"):
        approvals.preview()

    matrix.setdefault("approval", {})[how] = f"{Tampered.__name__}, not read"


@pytest.mark.parametrize("facts", [{}, {"preview": None}, {"preview": ["x"]}, {"preview": 1}])
def test_an_approval_of_another_form_is_refused(facts, tmp_path):
    """Even with the right key: half a record approves nothing."""
    store = LocalStore.open(tmp_path.as_uri())
    RunRecords(store, "approvals", "mcop.shop", "one", KEY).put("run", facts)

    with pytest.raises(Tampered, match="has no preview"):
        ApprovalStore(store, "mcop.shop", "one", KEY).preview()


def test_without_a_key_a_record_is_bound_to_its_run(tmp_path):
    """One that was copied from another run is refused; one that a key has proved is not taken without it."""
    store = LocalStore.open(tmp_path.as_uri())
    ApprovalStore(store, "mcop.shop", "one").approve(DIGEST, [ANN])
    (place,) = store.keys("approvals/")
    other = ApprovalStore(store, "mcop.shop", "two")
    other.approve(DIGEST, [])
    (elsewhere,) = set(store.keys("approvals/")) - {place}
    store.put(elsewhere, store.get(place).data)
    with pytest.raises(Tampered, match="is no record of this run"):
        other.preview()

    ApprovalStore(store, "mcop.shop", "one", KEY).approve(DIGEST, [ANN])
    with pytest.raises(Tampered, match="MCOP_RECORD_KEY is not set here"):
        ApprovalStore(store, "mcop.shop", "one").preview()
    assert (ANN,) == ApprovalStore(store, "mcop.shop", "one").all()[0].people, "people may look without the key"


def test_a_short_key_is_refused(tmp_path):
    """It could be guessed."""
    with pytest.raises(InvalidInput, match="MCOP_RECORD_KEY has 8 characters"):
        RunRecords(LocalStore.open(tmp_path.as_uri()), "approvals", "a", "b", "password")


def test_the_matrix_is_what_the_documentation_says():
    """The page shows the counts as they are here."""
    rows = {thing: len(how) for thing, how in {**BETWEEN, **PROVIDERS}.items()}
    rows["plan"] += 1
    rows |= {"artifact": len(TEXT_CHANGES), "template": len(TEXT_CHANGES)}
    rows |= {"XCom": len(XCOMS), "approval": len(APPROVALS)}
    rows["all"] = sum(rows.values())
    printed = "\n".join(f"{thing:<10} {count:>3} of {count:>3} refused" for thing, count in rows.items())
    print(f"\n{printed}")

    assert min(rows.values()) >= 5
    assert printed in PAGE.read_text(encoding="utf-8")
