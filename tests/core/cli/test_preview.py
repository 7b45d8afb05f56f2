"""`mcop preview` as a process of its own: what it prints, and that Ctrl-C leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import blocks

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "preview.md"

pytestmark = pytest.mark.terraform


@pytest.fixture
def folder(tmp_path):
    """The guide's catalog, its states in a folder of the test's own."""
    for block in blocks(GUIDE):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text.replace("/tmp/mcop-guide-states", str(tmp_path / "states")))
    (tmp_path / "temporary").mkdir()
    return tmp_path


def start(folder, *arguments):
    environment = os.environ | {"TMPDIR": str(folder / "temporary"), "MCOP_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "mcop_core", "preview", "market", "--catalog", "mine", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_document_holds_every_component(folder):
    """JSON on the output, progress on the error stream, no folder left."""
    process = start(folder, "--json")
    out, err = process.communicate(timeout=120)
    document = json.loads(out)

    assert (0, True, 2) == (process.returncode, document["complete"], document["counts"]["create"])
    assert ["platform.shop.network", "platform.shop.service"] == [one["step"] for one in document["components"]]
    assert "planning 2 components as one" in err
    assert [] == list((folder / "temporary").iterdir())


def test_an_interrupt_ends_terraform_and_leaves_nothing(folder):
    """Terraform has a session of its own, so that Ctrl-C reaches it only if MCOP passes it on."""
    process = start(folder)
    while "planning" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert (130, True) == (process.returncode, "nothing was changed" in err)
    assert [] == list((folder / "temporary").iterdir())
