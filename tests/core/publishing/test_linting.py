"""A catalog's primitives as a reviewer sees them."""

from pathlib import Path

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.errors import InvalidDocuments
from mcop_core.publishing.linting import lint_folder
from mcop_core.settings import Settings

CATALOG = Path(__file__).parents[3] / "include" / "catalog"
PRIMITIVE = "kind: primitive\nname: {0}\nversion: 1.0.0\nprovider: p\nprimitive_type: {1}\nsource: templates/{0}\n"
GOOD = (
    'variable "a" {\n  type = string\n  description = "A."\n}\noutput "a" {\n  description = "A."\n  value = var.a\n}\n'
)


def linted(folder):
    return lint_folder(folder, lambda name: open_engine(name, Settings()))


def written(folder, **files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_the_examples_modules_are_as_they_should_be():
    """All of them."""
    found = linted(CATALOG)

    assert len(found) == len(list((CATALOG / "primitives").iterdir()))
    assert [fault for faults in found.values() for fault in faults] == []


def test_remarks_stand_at_their_place_in_the_catalog(tmp_path):
    """Of the document, of the files; what keeps a primitive from being published is one, too."""
    described = "description: Does it.\n"
    written(
        tmp_path,
        **{
            "a.yaml": PRIMITIVE.format("plain", "terraform"),
            "templates/plain/main.tf": GOOD.replace('  description = "A."\n', "", 1),
            "b.yaml": PRIMITIVE.format("broken", "terraform") + described,
            "templates/broken/main.tf": GOOD + 'provider "aws" {}\n',
            "c.yaml": PRIMITIVE.format("pipeline", "jenkins") + described,
            "templates/pipeline/Jenkinsfile": "node {\n    echo {{ what }}\n}\n",
            "templates/pipeline/interface.yaml": "inputs: {what: {}}\noutputs: {n: {from: {build: number}}}\n",
        },
    )
    found = {ref: [(fault.file, fault.line) for fault in faults] for ref, faults in linted(tmp_path).items()}

    assert found["primitive#plain@1.0.0"] == [(str(tmp_path / "a.yaml"), 1), ("templates/plain/main.tf", 1)]
    assert found["primitive#broken@1.0.0"] == [("templates/broken/main.tf", 9)]
    assert found["primitive#pipeline@1.0.0"] == [("templates/pipeline/interface.yaml", 0)] * 3


def test_documents_that_cannot_be_read_are_told_first(tmp_path):
    """As publishing tells them."""
    written(tmp_path, **{"a.yaml": "kind: primitiv\n"})
    with pytest.raises(InvalidDocuments, match="primitiv"):
        linted(tmp_path)
