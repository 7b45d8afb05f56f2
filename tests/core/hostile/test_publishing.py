"""What somebody publishes: documents, and the files of primitives."""

from __future__ import annotations

import os

import pytest

from mcop_core.errors import InvalidDocuments
from tests.core.hostile.tables import each

PRIMITIVE = b"""
kind: primitive
name: hostile
version: 1.0.0
provider: local
primitive_type: terraform
source: templates/hostile
"""


@each("catalog")
def test_a_document_is_refused_with_its_place(case, door):
    """The fault names file and rule; nothing is published, neither the document nor its neighbours."""
    door.write("../outside/main.tf", b"")
    (door.folder / "templates" / "linked").symlink_to(door.folder.parent / "outside")
    variant = case.variant if isinstance(case.variant, bytes) else case.variant.encode()
    door.write("hostile.yaml", variant)

    refused(door, case.says["says"], "hostile.yaml")


@each("templates")
def test_a_template_is_refused_with_its_file(case, door):
    """The fault names file and rule; nothing is stored, and no Terraform has seen the files."""
    door.write("hostile.yaml", PRIMITIVE)
    folder = door.folder / "templates" / "hostile"
    folder.mkdir()
    for name, content in case.variant.items():
        add(door, folder, name, content)

    refused(door, case.says["says"], "templates/hostile")


def add(door, folder, name, content):
    if name == "link":
        for path, target in content.items():
            (folder / path).symlink_to(target)
    elif name == "pipe":
        (folder / content).parent.mkdir(exist_ok=True)
        os.mkfifo(folder / content)
    else:
        door.write(f"templates/hostile/{name}", content if isinstance(content, bytes) else content.encode())


def refused(door, says, place):
    """Publishing is refused with *says* of *place*, and leaves nothing in catalog and store."""
    with pytest.raises(InvalidDocuments) as caught:
        door.publish()

    faults = [str(fault) for fault in caught.value.faults]
    assert any(says in fault and place in fault for fault in faults), faults
    assert [] == door.repository.entries()
    assert [] == list(door.store.keys(""))
