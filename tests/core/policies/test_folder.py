import pytest

from mcop_core.errors import InvalidDocuments
from mcop_core.policies.folder import read_policies
from mcop_core.policies.models import Language, Policy

REGO = 'package a\n\ndeny contains "x"\n'
CEL = "deny: true\nmessage: m\n"


def test_the_files_of_a_folder_are_policies(tmp_path):
    """By name; what is neither Rego nor CEL, and what lies deeper, is none."""
    (tmp_path / "b.rego").write_text(REGO)
    (tmp_path / "a.cel").write_text(CEL)
    (tmp_path / "README.md").write_text("no policy")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.rego").write_text("broken")

    assert (Policy("a", Language.CEL, CEL), Policy("b", Language.REGO, REGO)) == read_policies(tmp_path)


def test_no_folder_is_no_policies(tmp_path):
    """An installation without policies has none."""
    assert () == read_policies(tmp_path / "none")


def test_every_fault_of_every_file_is_told(tmp_path):
    """With file and line, and names that are there twice."""
    (tmp_path / "a.rego").write_text("package a\n\ndeny contains m if {\n\tm := \n}\n")
    (tmp_path / "a.cel").write_text("deny: preview.\nmessage: m\n")
    (tmp_path / "b.cel").write_bytes(b"deny: \xff")

    with pytest.raises(InvalidDocuments) as caught:
        read_policies(tmp_path)

    places = [(fault.file.rpartition("/")[2], fault.line) for fault in caught.value.faults]
    assert {("a.rego", 0), ("a.cel", 1), ("b.cel", 0)} <= set(places)
    assert "a.cel is called so too" in str(caught.value)
