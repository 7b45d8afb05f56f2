"""The search for canaries: that it finds what is there, and that nothing is."""

import base64
import gzip
import zipfile

import pytest

from tests.canaries.__main__ import blind, leaks, missing, run, table
from tests.canaries.sinks import search
from tests.canaries.world import AT_REST, STATE, canaries

CANARY = {"one": "a1b2c3d4canary"}
TEXT = CANARY["one"].encode()

PLANTED = {
    "as it is": b"x" + TEXT,
    "in other letters": TEXT.upper(),
    "backwards": TEXT[::-1],
    "in hex": TEXT.hex().encode(),
    "as base64": base64.b64encode(b"user:" + TEXT + b"!"),
    "as base64, shifted": base64.b64encode(b"user::" + TEXT + b"!!"),
    "as base64, shifted twice": base64.b64encode(b"user:::" + TEXT + b"!!!"),
    "packed": gzip.compress(b"x" + TEXT),
}


@pytest.mark.parametrize("data", PLANTED.values(), ids=PLANTED)
def test_a_planted_leak_is_found(tmp_path, data):
    """In every form that programs give to text, in a folder in a folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(data)

    assert search({"sink": tmp_path}, CANARY)["sink"] == {"one": [str(tmp_path / "a" / "file")]}


def test_a_leak_in_an_archive_or_a_name_is_found(tmp_path):
    """Terraform's plan files are archives."""
    with zipfile.ZipFile(tmp_path / "plan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfplan", TEXT)
    (tmp_path / CANARY["one"]).write_text("")

    assert len(search({"sink": tmp_path}, CANARY)["sink"]["one"]) == 2


def test_what_is_not_there_is_not_found(tmp_path):
    """Another canary is none of ours."""
    (tmp_path / "file").write_text("a1b2c3d5canary")

    assert search({"sink": tmp_path}, CANARY) == {"sink": {}}


def test_there_are_24_canaries_and_no_two_look_alike():
    """Each has a door of its own."""
    values = canaries().values()

    assert len(values) == len(set(values)) == 24
    assert not any(one in other for one in values for other in values if one != other)


def test_a_leak_and_a_canary_that_never_arrived_are_told():
    """Nothing found is worth nothing if nothing flew."""
    found = {STATE: {name: ["x"] for name in AT_REST - {"vault"}}, "XCom": {"env": ["y"]}}

    assert leaks(found) == ["LEAK env in XCom: y"]
    assert missing(found) == ["NEVER ARRIVED vault"]


@pytest.mark.campaign
@pytest.mark.terraform
@pytest.mark.emulator
def test_no_canary_is_found_outside_of_the_state(tmp_path):
    """24 secrets through every door; a search of everything that the executions leave."""
    sinks = run(tmp_path)
    found = search(sinks, canaries())
    print(table(found))

    assert (leaks(found), missing(found), blind(sinks)) == ([], [], [])
