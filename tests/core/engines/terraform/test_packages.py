"""Which installed package a provider is started from, and what may be noted of it."""

import os
from pathlib import Path

import pytest

from mcop_core.engines.terraform import packages
from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.packages import Package, PackageNote, checksum, locked_package
from mcop_core.engines.terraform.providers import Locked
from tests.core.engines.terraform.test_lending import AWS

VERSION = "5.100.0"
PROGRAM = "terraform-provider-aws_v5.100.0_x5"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package: a link, as Terraform makes it to what lies in a mirror."""
    mirrored = tmp_path / "mirror"
    mirrored.mkdir()
    (mirrored / PROGRAM).write_text("program")
    (mirrored / "LICENSE").write_text("license")
    installed = tmp_path / "work" / PACKAGES / AWS / VERSION / "linux_amd64"
    installed.parent.mkdir(parents=True)
    installed.symlink_to(mirrored)
    return installed


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written just now counts as old."""
    monkeypatch.setattr(packages, "_SETTLED_S", 0.0)


def find(package: Path, notes: Path, hashes: tuple[str, ...]) -> Package | None:
    return locked_package(package.parents[len(Path(PACKAGES, AWS, VERSION).parts)], AWS, Locked(VERSION, hashes), notes)


def test_a_checksum_is_what_a_lock_file_holds(tmp_path):
    """This is what `terraform init` wrote of a package of these two files."""
    (tmp_path / "terraform-provider-shop").write_text("program\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "LICENSE").write_text("license\n")

    assert "h1:boia/fwaOMQSRzI456N0Ft81SOcvk6Qp0PtZ6J2qdDw=" == checksum(tmp_path)


@pytest.mark.parametrize("often", [1, 3])
def test_a_package_is_found_that_was_locked_whatever_is_noted(package, notes, settled, often):
    locked = ("zh:of its archive", checksum(package))

    for _ in range(often):
        found = find(package, notes, locked)
        assert found is not None
        assert package.resolve() / PROGRAM == found.program
        assert find(package, notes, ("h1:another",)) is None


def test_its_checksum_is_reckoned_once(package, notes, settled):
    locked = (checksum(package),)
    find(package, notes, locked)
    (noted,) = notes.iterdir()
    PackageNote(noted).write(b"h1:noted")

    assert find(package, notes, ("h1:noted",)) is not None
    assert find(package, notes, locked) is None


def _rewrite(package: Path) -> None:
    """Write other bytes of the same size, and set the clock of the file back."""
    program = package / PROGRAM
    before = program.stat()
    program.write_text("PROGRAM")
    os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(package: Path) -> None:
    new = package / "new"
    new.write_text("PROGRAM")
    new.replace(package / PROGRAM)


@pytest.mark.parametrize(
    "change",
    [
        _rewrite,
        _replace,
        lambda package: (package / "another").write_text(""),
        lambda package: (package / "LICENSE").unlink(),
        lambda package: (package / "LICENSE").rename(package / "LICENCE"),
    ],
    ids=["rewritten", "replaced", "one more", "one less", "renamed"],
)
def test_a_package_that_changed_is_none_that_was_locked(package, notes, settled, change):
    locked = (checksum(package),)
    assert find(package, notes, locked) is not None

    change(package)

    assert find(package, notes, locked) is None


def test_of_a_package_that_changed_just_now_nothing_is_noted(package, notes):
    found = find(package, notes, (checksum(package),))

    assert found is not None
    assert found.types is None
    assert [] == [*notes.iterdir()]


@pytest.mark.parametrize("damaged", [b"", b"x", b"x" * 40], ids=["empty", "cut off", "another"])
def test_a_note_that_is_damaged_is_none(package, notes, settled, damaged):
    locked = (checksum(package),)
    find(package, notes, locked)
    (noted,) = notes.iterdir()
    noted.write_bytes(damaged)

    assert PackageNote(noted).read() is None
    assert find(package, notes, locked) is not None
    assert PackageNote(noted).read() == locked[0].encode()


def test_where_nothing_can_be_noted_a_package_is_found_all_the_same(package, tmp_path, settled):
    assert find(package, tmp_path / "no such folder", (checksum(package),)) is not None


def test_a_folder_of_two_programs_is_no_package(package, notes):
    (package / "terraform-provider-other").write_text("")

    assert find(package, notes, (checksum(package),)) is None
