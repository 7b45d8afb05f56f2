"""YAML files become objects, or every fault with its place."""

import shutil
from pathlib import Path

import pytest

from mcop_core.catalog.yaml_files import read_folder, read_text
from mcop_core.errors import Fault, InvalidInput
from tests.contracts.catalog_repository import adapter, manifest, pattern, primitive, rule, workflow

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))

DESIGN = """
kind: primitive                      # inputs and outputs are read from the module itself
name: vpc
version: 1.2.0
provider: aws
primitive_type: terraform
source: templates/terraform/aws/vpc/1.2.0    # relative to the catalog folder
---
kind: adapter
name: aws-terraform
version: 1.0.0
provider: aws
primitive_type: terraform
engine: terraform                    # an engine's registered name
settings: {source: hashicorp/aws, version: "~> 5.100", configuration: {region: "${region}"}}
---
kind: pattern
name: network
version: 2.0.0
provider: aws
primitive_type: terraform
parameters:
  cidr: {type: string, description: Address range of the network, rule: cidr_block}
  zones: {type: "list(string)", default: [a, b]}
elements:
  vpc: {primitive: vpc, version: "~> 1.2", inputs: {cidr_block: "${cidr}"}}
  subnets: {primitive: subnets, version: 1.0.0, inputs: {vpc_id: "${vpc.vpc_id}", zones: "${zones}"}}
---
kind: workflow
name: platform
version: 1.0.0
patterns:                            # in sequence, unless order: references
  network: {pattern: network, version: "~> 2.0"}
  data: {pattern: data-store, version: 1.1.0, inputs: {subnet_ids: "${network.subnets.subnet_ids}"}}
backend: {type: s3, bucket: "${state_bucket}", region: "${region}", use_lockfile: true}
---
kind: manifest
name: storefront-production
version: 3.1.0
namespace: storefront
configuration: {region: us-east-1, state_bucket: acme-state, cidr: 10.20.0.0/16}
workflows:
  platform: {workflow: platform, version: "~> 1.0", overrides: {zones: [a, b, c]}}
---
kind: rule                           # by parameter name
name: instance_type
version: 1.0.0
type: enum                           # enum: values; regex: pattern; string: value
values: [t3.small, t3.medium]
"""


def faults(documents):
    return [fault for document in documents for fault in document.faults]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_every_fault_of_a_file_is_told_at_once(case, tmp_path, monkeypatch):
    """Each case: a YAML file, and beside it the lines that a person is told."""
    shutil.copy(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    told = "".join(f"{fault}\n" for fault in faults(read_folder(Path())))

    assert told == case.with_suffix(".txt").read_text()


def test_the_documents_of_the_design_are_read():
    """All six kinds, as the design writes them; the order of patterns is the written one."""
    documents = read_text(DESIGN, "design.yaml")

    assert faults(documents) == []
    assert [str(document.object.ref) for document in documents] == [
        "primitive#vpc@1.2.0",
        "adapter#aws-terraform@1.0.0",
        "pattern#network@2.0.0",
        "workflow#platform@1.0.0",
        "manifest#storefront-production@3.1.0",
        "rule#instance_type@1.0.0",
    ]
    assert documents[3].object.sequence == ("network", "data")


def test_a_fault_points_at_its_line():
    """The line of a path, or of its nearest parent that the document has."""
    pattern = read_text(DESIGN, "design.yaml")[2]

    assert [
        pattern.line_of(path) for path in ("", "parameters.zones", "elements.vpc.inputs.cidr_block.0", "nothing")
    ] == [
        17,
        24,
        26,
        17,
    ]
    assert pattern.place(Fault("wrong", path="elements.subnets.inputs.new")).line == 27


@pytest.mark.parametrize(
    "item", [primitive(), adapter(), pattern(), workflow(), manifest(), rule()], ids=lambda item: item.kind
)
def test_a_document_says_the_same_in_json(item):
    """JSON is YAML: what an object's document is, reads as the object."""
    import json

    (document,) = read_text(json.dumps(item.document()), "object.json")

    assert (document.object, document.name) == (item, item.name)


def test_words_that_yaml_1_1_turned_around_stay_text():
    """Only what JSON has is a number, true, false or null; the rest is text."""
    text = """
kind: rule
name: words
version: 1.0.0
type: enum
values: [yes, No, on, OFF, 010, 0o17, 0x1F, 12:30:45, 2024-01-01, 1_000, +1, .5, "1", 1.10, -3, 1e3, true, null, ~]
"""
    (document,) = read_text(text, "words.yaml")

    assert document.object.values == (
        *("yes", "No", "on", "OFF", "010", "0o17", "0x1F", "12:30:45", "2024-01-01", "1_000", "+1", ".5", "1"),
        *(1.1, -3, 1000.0, True, None, None),
    )


def test_yaml_and_yml_are_read_by_path(tmp_path):
    """At any depth; not what lies in templates/ or in hidden folders, and nothing else."""
    for place in ("b.yml", "a/z.yaml", "a/y.yaml", "templates/t.yaml", ".git/x.yaml", "a/.terraform/m.yaml", "n.json"):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"kind: rule\nname: {path.stem}\nversion: 1.0.0\ntype: string\nvalue: a\n")
    (tmp_path / "a" / "templates").mkdir()
    (tmp_path / "a" / "templates" / "x.yaml").write_text("# nothing but a comment\n---\n")

    assert [document.name for document in read_folder(tmp_path)] == ["y", "z", "b"]


def test_a_version_defined_twice_is_told_with_both_places(tmp_path):
    """Even if both say the same; the later one has the fault."""
    text = "kind: rule\nname: size\nversion: 1.0.0\ntype: string\nvalue: a\n"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text)
    first, second = read_folder(tmp_path)

    assert first.faults == ()
    assert [fault.message for fault in second.faults] == [
        f"rule#size@1.0.0 is defined twice: here and in {tmp_path / 'a.yaml'}:1."
    ]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    """The message names it."""
    with pytest.raises(InvalidInput, match="nowhere"):
        read_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"kind: \xff", "the file is not UTF-8: byte 6."),
        (b"a: |\n " + b"x" * 1_048_576, "1048582 bytes: allowed are 1048576 (MCOP_LIMIT_DOCUMENT_BYTES)."),
        (b"%YAML 1.1\n---\na: 1\n", "directives (%) are not read"),
        (b"a: \x00", "this is not YAML"),
        (b"[" * 100_000, "nested deeper than 64 levels"),
        (b"a: " + b"9" * 5000, "more than 400 digits"),
    ],
    ids=["bytes", "size", "directive", "control", "depth", "digits"],
)
def test_a_hostile_file_is_refused(tmp_path, data, message):
    """One clear fault, and no object."""
    (tmp_path / "a.yaml").write_bytes(data)
    document = read_folder(tmp_path)[0]

    assert document.object is None
    assert message in str(document.faults[0])


def test_a_byte_order_mark_is_no_matter(tmp_path):
    """Some editors write one."""
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfkind: rule\nname: a\nversion: 1.0.0\ntype: string\nvalue: a\n")

    assert faults(read_folder(tmp_path)) == []


def test_aliases_do_not_multiply():
    """A billion laughs are nine faults and no memory."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))]
    (document,) = read_text("\n".join(lines), "laughs.yaml")

    assert document.object is None
    assert len(document.faults) == 10 + 9 * 9
