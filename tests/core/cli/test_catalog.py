"""`mcop catalog …` and `mcop rules …` on a catalog in memory: what they print, and their exit codes."""

import json

import pytest

from mcop_core import bootstrap
from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from tests.core.publishing.conftest import Folder

RULE = 'kind: rule\nname: title\nversion: 1.0.0\ntype: enum\nvalues: ["1", hello]\n'


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "catalog")
    made.write("rule.yaml", RULE)
    return made


@pytest.fixture(autouse=True)
def catalog(monkeypatch, tmp_path):
    repository, store = MemoryRepository(), LocalStore.open((tmp_path / "store").as_uri())
    monkeypatch.setattr(bootstrap, "open_repository", lambda settings: repository)
    monkeypatch.setattr(bootstrap, "open_store", lambda url: store)
    return repository


@pytest.fixture
def published(mcop, folder):
    code, out, _ = mcop("catalog", "publish", str(folder.path))
    assert (code, out.splitlines()[-1]) == (0, "6 published, 0 unchanged, revision 1")
    return mcop


def test_a_dry_run_publishes_nothing(mcop, folder, catalog):
    """It names what would be published."""
    _, out, _ = mcop("catalog", "publish", str(folder.path), "--dry-run")

    assert "would publish manifest#shop@1.0.0" in out.splitlines()
    assert (out.splitlines()[-1], catalog.head().revision) == ("6 new versions, no faults", 0)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_other_bytes_are_a_conflict(published, folder, options):
    """Publishing and its dry run end with the same exit code, and name both digests."""
    folder.write("pattern.yaml", (folder.path / "pattern.yaml").read_text() + "description: changed\n")
    code, _, err = published("catalog", "publish", str(folder.path), *options)

    assert code == 4
    assert "pattern#pair@1.0.0 is published with digest" in err


def test_the_catalog_is_listed(published):
    """Every version with its standing, and a star on the manifest that runs."""
    lines = published("catalog", "list")[1].splitlines()

    assert [line.split() for line in lines if line.startswith("manifest")] == [
        ["manifest", "shop", "1.0.0", "active", "*"]
    ]
    assert all(line == line.rstrip() for line in lines)


def test_versions_differ_and_are_used(published, folder):
    """A new version is compared with the old one; who uses a primitive is named."""
    folder.add_thing("1.1.0", (folder.path / "templates/terraform/local/thing/1.0.0/main.tf").read_text() + "# new\n")
    published("catalog", "publish", str(folder.path))

    assert "1.1.0" in published("catalog", "versions", "primitive#thing")[1]
    assert "source" in published("catalog", "diff", "primitive#thing@1.0.0", "primitive#thing@1.1.0")[1]
    assert published("catalog", "diff", "pattern#pair", "pattern#pair")[1] == "no differences\n"
    assert "pattern#pair@1.0.0" in published("catalog", "uses", "primitive#thing")[1].splitlines()
    assert published("catalog", "uses", "manifest#shop")[1] == "nothing uses manifest#shop\n"
    assert "repeat with --yes" in published("catalog", "upgrade", "shop")[1]
    assert "pinned" in published("catalog", "upgrade", "shop", "--yes")[1]


def test_a_version_is_shown(published):
    """As YAML with what happened to it since, or as JSON."""
    _, out, _ = published("catalog", "get", "pattern#pair")

    assert out.startswith("ref: pattern#pair@1.0.0\n")
    assert "title: {" not in out and "name: ${title}" in out
    assert json.loads(published("catalog", "get", "pattern#pair", "--json")[1])["standing"] == "active"


def test_a_standing_changes(published):
    """Deprecated, revoked, reinstated, activated: each says what is now."""
    assert "is now deprecated" in published("catalog", "deprecate", "pattern#pair", "--reason", "old")[1]
    assert "is now revoked" in published("catalog", "revoke", "pattern#pair", "--reason", "bad")[1]
    assert "bad" in published("catalog", "versions", "pattern#pair")[1]
    assert "is now active" in published("catalog", "reinstate", "pattern#pair")[1]
    assert "is active" in published("catalog", "activate", "shop@1.0.0")[1]


def test_a_catalog_is_kept_and_brought_forward(published, tmp_path):
    """A backup has every version; a catalog of today needs no migration."""
    file = str(tmp_path / "backup.jsonl")

    assert published("catalog", "backup", file)[1] == f"6 versions written to {file}\n"
    assert published("catalog", "restore", file)[1] == f"6 versions restored from {file}\n"
    assert published("catalog", "migrate", "--dry-run")[1] == "0 objects would be migrated\n"


def test_a_rule_is_shown_and_tried(published):
    """Where the rule is of text, digits are text; a bad value names the allowed ones."""
    assert "1, hello" in published("rules", "list")[1]
    assert published("rules", "show", "title")[1] == "rule#title@1.0.0: enum 1, hello\n"
    assert published("rules", "check", "title", "1")[1] == "title may be 1\n"
    code, _, err = published("rules", "check", "title", "helo")
    assert (code, "hello" in err) == (2, True)
