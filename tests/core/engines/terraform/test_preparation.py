"""Provider packages of the tests' own: programs that only say that they were started."""

import base64
import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.preparation import (
    GET,
    INIT,
    LOCK_FILE,
    KeptPackages,
    Preparation,
    write_files,
)
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.errors import EngineFailed, InvalidInput
from tests.core.engines.terraform.operations import Bench, Recorder, artifact
from tests.opentofu import registry

NAME = f"{registry()}/acme/thing"
PACKAGE = Path(NAME) / "1.0.0" / "linux_amd64"
FILES = {LOCK_FILE: b"locked", "main.tf.json": b"{}"}


class Terraform:
    """Stands for the binary: `init` installs one package into the workspace, as a link or as files."""

    def __init__(self, directory: Path, mirror: Path | None = None) -> None:
        self.directory, self.mirror, self.ran = directory, mirror, []

    def __call__(self, arguments: tuple[str, ...]) -> None:
        self.ran.append(arguments)
        place = self.directory / PACKAGES / PACKAGE
        if arguments == INIT and self.mirror is not None:
            place.parent.mkdir(parents=True)
            place.symlink_to(self.mirror / PACKAGE)
        elif arguments == INIT:
            place.mkdir(parents=True)
            (place / "provider").write_text("a program")
            place.with_name(f"{place.name}.lock").touch()  # as OpenTofu does


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / "mirror" / PACKAGE).mkdir(parents=True)
    (tmp_path / "mirror" / PACKAGE / "provider").write_text("a program")
    return tmp_path / "mirror"


def prepare(folder: Path, name: str, mirror: Path | None, files: dict = FILES) -> tuple[Preparation, Terraform]:
    """A workspace of its own, with the cache that all of them share."""
    directory = folder / name
    directory.mkdir(exist_ok=True)
    terraform = Terraform(directory, mirror)
    ready = Preparation(files, directory, Toolchain("terraform", mirror, folder / "cache"), run=terraform)
    ready.make_ready()
    return ready, terraform


@pytest.mark.parametrize("is_mirrored", [True, False])
def test_what_one_init_installed_is_linked_afterwards(tmp_path, mirror, is_mirrored):
    """The second workspace with the same lock file has the same packages without an `init`."""
    source = mirror if is_mirrored else None
    _, first = prepare(tmp_path, "one", source)
    _, second = prepare(tmp_path, "two", source)

    assert ([INIT], [GET]) == (first.ran, second.ran)
    assert (tmp_path / "two" / PACKAGES / PACKAGE).is_symlink()
    assert (tmp_path / "two" / PACKAGES / PACKAGE / "provider").read_text() == "a program"


@pytest.mark.parametrize("other", [{LOCK_FILE: b"another"}, {"main.tf.json": b"{}"}])
def test_another_lock_file_or_none_has_packages_of_its_own(tmp_path, mirror, other):
    """What was installed for one lock file serves no other, and without a lock file nothing is kept."""
    prepare(tmp_path, "one", mirror)
    _, terraform = prepare(tmp_path, "two", mirror, other)

    assert [INIT] == terraform.ran


def test_another_mirror_has_packages_of_its_own(tmp_path, mirror):
    """Who names another mirror gets what lies there."""
    prepare(tmp_path, "one", None)
    _, terraform = prepare(tmp_path, "two", mirror)

    assert [INIT] == terraform.ran


def test_a_workspace_is_prepared_once_for_the_same_files(tmp_path, mirror):
    """A resumed workspace is ready; one with other files is not."""
    prepare(tmp_path, "one", mirror)
    _, same = prepare(tmp_path, "one", mirror)
    _, other = prepare(tmp_path, "one", mirror, {**FILES, "main.tf.json": b'{"a": 1}'})

    assert ([], [GET]) == (same.ran, other.ran)


def test_a_kept_package_that_is_gone_is_installed_again(tmp_path, mirror):
    """A link into nothing is no package."""
    prepare(tmp_path, "one", mirror)
    (mirror / PACKAGE / "provider").unlink()
    (mirror / PACKAGE).rmdir()

    assert [INIT] == prepare(tmp_path, "two", mirror)[1].ran


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path, mirror):
    """A file where the cache should be: `init` runs each time, and nothing fails."""
    (tmp_path / "cache").touch()

    assert [[INIT], [INIT]] == [prepare(tmp_path, name, mirror)[1].ran for name in ("one", "two")]


def test_of_many_at_once_one_keeps_its_packages(tmp_path, mirror):
    """Whoever is first wins; what lies there is whole, and no scratch folder stays."""
    threads = [threading.Thread(target=prepare, args=(tmp_path, f"w{number}", None)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (kept,) = (tmp_path / "cache" / "providers").iterdir()
    assert (kept / PACKAGE / "provider").read_text() == "a program"
    assert [GET] == prepare(tmp_path, "after", None)[1].ran


def test_a_package_that_terraform_refuses_is_installed_again_once(tmp_path, mirror):
    """The kept packages are thrown away and `init` runs; a second refusal is final, as is any other error."""
    refused = EngineFailed("apply failed: Required plugins are not installed: …", diagnostics=())
    prepare(tmp_path, "one", None)
    ready, terraform = prepare(tmp_path, "two", None)

    assert not ready.make_ready_again(EngineFailed("AccessDenied", diagnostics=()))
    assert ready.make_ready_again(refused)
    assert not ready.make_ready_again(refused)
    assert [GET, INIT] == terraform.ran
    assert not (tmp_path / "two" / PACKAGES / PACKAGE).is_symlink()


def test_what_was_thrown_away_leaves_nothing(tmp_path, mirror):
    """Throwing away twice is no error."""
    prepare(tmp_path, "one", None)
    kept = KeptPackages.of(FILES, None, tmp_path / "cache")
    kept.discard()
    kept.discard()

    assert [] == list((tmp_path / "cache" / "providers").iterdir())


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "a\\b", "a\0b"])
def test_an_artifact_cannot_write_outside_of_its_folder(tmp_path, path):
    """A path that leads out is refused."""
    with pytest.raises(InvalidInput, match="leads out"):
        write_files({path: b"x"}, tmp_path)


# -- with the real Terraform ---------------------------------------------------------------------------

PROGRAM = "terraform-provider-thing_v1.0.0"
SCRIPT = '#!/bin/sh\necho {} >> "$HOME/started"\nexit 3\n'
"""No provider: Terraform starts it only if its checksum is right, and then says that it is none."""


class Locked(Bench):
    """A mirror with one package, and a root that is locked to its checksum."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.home, self.mirror, self.cache = str(folder), folder / "mirror", folder / "cache"
        write_program(self.mirror / PACKAGE, "genuine")
        self.rendered = self._rendered(checksum(self.mirror / PACKAGE))

    def _rendered(self, hash_: str) -> RenderedArtifact:
        plain = artifact(self.url, {"resource": {"thing_it": {"one": {}}}})
        required = {"terraform": {"required_providers": {"thing": {"source": "acme/thing"}}}}
        lock = f'provider "{NAME}" {{\n  version = "1.0.0"\n  hashes = ["{hash_}"]\n}}\n'
        own = {LOCK_FILE: lock.encode(), "module/versions.tf.json": json.dumps(required).encode()}
        return RenderedArtifact(plain.engine, {**plain.files, **own}, plain.runtime)

    def fail(self, workspace: str) -> tuple[str, list[str]]:
        """Apply in another workspace; return the error and which Terraform commands ran."""
        self.directory, report = self.folder / "run" / workspace, Recorder()
        with pytest.raises(EngineFailed) as caught:
            self.apply(self.rendered, report)
        commands = [facts["command"] for event, facts in report.records if event == "initialised"]
        return str(caught.value), commands

    @property
    def started(self) -> set[str]:
        path = self.folder / "started"
        return set(path.read_text().split()) if path.exists() else set()


def write_program(package: Path, text: str) -> None:
    package.mkdir(parents=True, exist_ok=True)
    (package / PROGRAM).write_text(SCRIPT.format(text))
    (package / PROGRAM).chmod(0o700)


def checksum(package: Path) -> str:
    """The checksum that Terraform locks of an unpacked package: a digest of the digests of its files."""
    digest = hashlib.sha256((package / PROGRAM).read_bytes()).hexdigest()
    return "h1:" + base64.b64encode(hashlib.sha256(f"{digest}  {PROGRAM}\n".encode()).digest()).decode()


@pytest.fixture
def locked(tmp_path: Path) -> Locked:
    return Locked(tmp_path)


@pytest.mark.terraform
def test_a_linked_package_is_used_without_init(locked):
    """The second operation starts the same program, and `init` ran once."""
    first, second = locked.fail("one"), locked.fail("two")

    assert (["init"], ["get"]) == (first[1], second[1])
    assert "Unrecognized remote plugin message" in first[0]
    assert "Unrecognized remote plugin message" in second[0]
    assert {"genuine"} == locked.started


@pytest.mark.terraform
def test_a_package_that_was_tampered_with_is_refused(locked):
    """A program that is not the locked one never runs, linked or not; `init` has the last word."""
    locked.fail("one")
    (locked.folder / "started").unlink()
    write_program(locked.mirror / PACKAGE, "tampered")

    error, commands = locked.fail("two")

    assert ["get"] == commands
    assert error.startswith("terraform init failed")
    assert "checksums" in error
    assert set() == locked.started


@pytest.mark.terraform
def test_a_kept_package_that_was_tampered_with_is_replaced(locked):
    """Terraform refuses what lies in the cache, `init` installs the genuine one, and the cache is whole again."""
    locked.fail("one")
    (kept,) = (locked.cache / "providers").iterdir()
    (kept / PACKAGE).unlink()
    write_program(kept / PACKAGE, "tampered")

    assert ["get", "init"] == locked.fail("two")[1]
    assert ["get"] == locked.fail("three")[1]
    assert {"genuine"} == locked.started


def test_rendering_and_applying_need_no_parser():
    """The engine, rendering and applying are imported without the HCL parser, which costs a quarter of a second."""
    modules = ", ".join(f"mcop_core.engines.terraform.{name}" for name in ("engine", "operate", "render"))
    program = f"import sys, {modules}; sys.exit('hcl2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
