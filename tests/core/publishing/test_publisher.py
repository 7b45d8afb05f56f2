"""Publishing a folder: everything, or every fault and nothing."""

import threading

import pytest

from mcop_core.artifacts.templates import template_digest
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.errors import InvalidDocuments, VersionConflict
from mcop_core.limits import Limits
from mcop_core.publishing import check_folder, publish_folder
from mcop_core.refs import Kind, ObjectRef
from mcop_core.settings import Settings

THING = ObjectRef(Kind.PRIMITIVE, "thing", "1.0.0")
SHOP = ObjectRef(Kind.MANIFEST, "shop", "1.0.0")


def test_a_folder_becomes_one_revision_with_its_snapshot(folder, repository, store, engines):
    """One publication moves the revision once, pins the manifest, activates it and leaves its plan in the store."""
    report = publish_folder(folder.path, repository, store, engines)

    snapshot = load_snapshot(store, repository.head().snapshot)
    plan = load_plan(store, snapshot.manifests["shop"].plan)
    assert (1, 5, {"shop": "1.0.0"}) == (report.revision, len(report.published), dict(report.activated))
    assert "1.0.0" == repository.get(SHOP).pins["primitive#thing@~> 1.0"]
    assert ("main.pair.first", "main.pair.second") == tuple(step.id for step in plan.steps)


def test_publishing_the_same_again_does_nothing(folder, repository, store, engines):
    """Identical bytes under a published version succeed, and the revision stays."""
    publish_folder(folder.path, repository, store, engines)

    report = publish_folder(folder.path, repository, store, engines)

    assert ((), 5, 1) == (report.published, len(report.unchanged), repository.head().revision)


def test_other_bytes_under_a_published_version_are_refused(folder, repository, store, engines):
    """Both digests are told, and nothing of the refused publication stays."""
    publish_folder(folder.path, repository, store, engines)
    before = sorted(store.keys(""))
    folder.add_thing("1.0.0", '# changed\noutput "id" { value = 1 }\nvariable "name" {}\n')

    with pytest.raises(VersionConflict) as caught:
        publish_folder(folder.path, repository, store, engines)

    assert THING == caught.value.ref
    assert caught.value.published in str(caught.value) and caught.value.offered in str(caught.value)
    assert [] == [key for key in store.keys("terraform/") if key not in before]
    assert 1 == repository.head().revision


def test_checking_refuses_what_publishing_would(folder, repository, store, engines):
    """A dry run names every version that is published with other bytes, and leaves nothing behind."""
    publish_folder(folder.path, repository, store, engines)
    folder.write("pattern.yaml", (folder.path / "pattern.yaml").read_text() + "description: changed\n")
    folder.add_thing("1.0.0", '# changed\noutput "id" { value = 1 }\nvariable "name" {}\n')
    before = sorted(store.keys(""))

    with pytest.raises(VersionConflict) as caught:
        check_folder(folder.path, repository, engines)

    assert "pattern#pair@1.0.0 is published" in str(caught.value)
    assert "primitive#thing@1.0.0 is published" in str(caught.value)
    assert caught.value.ref == THING
    assert before == sorted(store.keys(""))


def test_every_fault_of_every_document_is_told_at_once(folder, repository, store, engines):
    """Schema, code, pins, inputs, references and parameters: one refusal names them all, with file and line."""
    folder.write("pattern.yaml", (folder.path / "pattern.yaml").read_text().replace("name:", "nmae:", 1))
    folder.write(
        "bad.tf.yaml",
        "kind: pattern\nname: other\nversion: 1.0.0\nprovider: local\n"
        "primitive_type: terraform\nelements:\n  a: {primitive: thign, version: 1.0.0}\n"
        '  b: {primitive: thing, version: 1.0.0, inputs: {nam: "${c.id}"}}\n',
    )

    with pytest.raises(InvalidDocuments) as caught:
        publish_folder(folder.path, repository, store, engines)

    text = str(caught.value)
    assert 'Did you mean "name"?' in text
    assert 'Did you mean "thing"?' in text
    assert "bad.tf.yaml:7" in text
    assert "bad.tf.yaml:8" in text
    assert 0 == repository.head().revision
    assert [] == list(store.keys(""))


def test_a_broken_module_is_told_with_its_own_file_and_line(folder, repository, store, engines):
    """Inputs and outputs are read from the code, so the code's faults are publishing's."""
    folder.add_thing("1.0.0", 'variable "name" {\n  type = string\n')

    with pytest.raises(InvalidDocuments) as caught:
        publish_folder(folder.path, repository, store, engines)

    assert "templates/terraform/local/thing/1.0.0/main.tf" in str(caught.value)


def test_a_new_version_floats_no_consumer(folder, repository, store, engines):
    """A manifest keeps what it compiled with when a newer version that its range allows is published."""
    publish_folder(folder.path, repository, store, engines)
    before = repository.head().snapshot
    plan = load_snapshot(store, before).manifests["shop"].plan
    folder.add_thing("1.1.0")

    report = publish_folder(folder.path, repository, store, engines)

    assert ("primitive#thing@1.1.0",) == tuple(map(str, report.published))
    assert plan == load_snapshot(store, repository.head().snapshot).manifests["shop"].plan


def test_an_older_or_preliminary_manifest_is_published_but_not_activated(folder, repository, store, engines):
    """Publishing 2.0.0 activates it; 2.1.0-rc.1 and 1.5.0 afterwards do not."""
    text = (folder.path / "manifest.yaml").read_text()
    for version in ("2.0.0", "2.1.0-rc.1", "1.5.0"):
        folder.write("manifest.yaml", text.replace("1.0.0", version, 1))
        publish_folder(folder.path, repository, store, engines)

    assert {"shop": "2.0.0"} == repository.active()


def test_of_two_writers_of_one_version_one_wins(folder, tmp_path, repository, store, engines):
    """Eight writers with eight contents: one is published, seven are told, one template stays."""
    other = [type(folder)(tmp_path / f"catalog{number}") for number in range(8)]
    for number, candidate in enumerate(other):
        candidate.add_thing(
            "1.0.0", f"# {number}\n" + (folder.path / "templates/terraform/local/thing/1.0.0/main.tf").read_text()
        )
    outcomes: list[str] = []

    def publish(candidate) -> None:
        try:
            publish_folder(candidate.path, repository, store, engines)
            outcomes.append("published")
        except VersionConflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=publish, args=(candidate,)) for candidate in other]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == outcomes.count("published") and 7 == outcomes.count("refused")
    assert 1 == len({key.rsplit("/", 1)[0] for key in store.keys("terraform/local/thing/1.0.0/")})


PROVISIONED = """
variable "name" { type = string }
resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "true"
  }
}
output "id" { value = terraform_data.this.id }
"""


def test_what_an_administrator_exempts_is_recorded_with_the_version(folder, repository, store, engines, tmp_path):
    """Refused without it, and published with rule and reason, which the plans of the version carry."""
    folder.add_thing("1.0.0", PROVISIONED)
    with pytest.raises(InvalidDocuments) as caught:
        publish_folder(folder.path, repository, store, engines)
    fault = caught.value.faults[0]
    assert ("templates/terraform/local/thing/1.0.0/main.tf", 4) == (fault.file, fault.line)

    exemptions = tmp_path / "exemptions.toml"
    digest = template_digest({"main.tf": PROVISIONED.encode()})
    entry = f'[[exemption]]\ntemplate = "{digest}"\nrules = ["provisioner", "http-data"]\nreason = "it must"\n'
    exemptions.write_text(entry)
    settings = Settings(exemptions=str(exemptions))
    publish_folder(folder.path, repository, store, lambda name: open_engine(name, settings))

    plan = load_plan(store, load_snapshot(store, repository.head().snapshot).manifests["shop"].plan)
    recorded = {"provisioner": "it must"}
    assert recorded == repository.get(THING).object.exemptions
    assert [recorded, recorded] == [step.exemptions for step in plan.steps]
    assert not publish_folder(folder.path, repository, store, engines).published, "it is what it was"


@pytest.mark.parametrize("limits", [Limits(document_bytes=20), Limits(source_bytes=20), Limits(template_file_bytes=20)])
def test_documents_and_files_are_held_to_the_limits_that_are_given(folder, repository, store, engines, limits):
    """Each refusal names the setting."""
    with pytest.raises(InvalidDocuments, match=r"bytes: allowed are 20 \(MCOP_LIMIT_"):
        publish_folder(folder.path, repository, store, engines, limits=limits)


def test_an_adapter_brings_no_foreign_provider(folder, repository, store, engines):
    """Refused at its settings, before Terraform could fetch anything."""
    folder.write(
        "stranger.yaml",
        "{kind: adapter, name: x, version: 1.0.0, provider: x, primitive_type: terraform, engine: terraform,\n"
        " settings: {source: stranger/x}}\n",
    )
    with pytest.raises(InvalidDocuments, match=r"stranger.yaml:2, settings: .*MCOP_TERRAFORM_PROVIDERS"):
        publish_folder(folder.path, repository, store, engines)


def test_an_adapter_is_held_to_its_engine(folder, repository, store, engines):
    """What an engine has against its settings is told at their line, all of it."""
    folder.write(
        "x.yaml",
        "kind: adapter\nname: x\nversion: 1.0.0\nprovider: x\nprimitive_type: terraform\nengine: terraform\n"
        "settings:\n  credentials: {token: 'secret://env/A'}\n---\n"
        "kind: adapter\nname: y\nversion: 1.0.0\nprovider: y\nprimitive_type: jenkins\nengine: jenkins\n"
        "settings:\n  configuration: {url: 'http://ci.example.org', user: a, token: b}\n",
    )
    with pytest.raises(InvalidDocuments) as caught:
        publish_folder(folder.path, repository, store, engines)

    told = [(fault.line, fault.message) for fault in caught.value.faults]
    assert [7, 16, 16, 16, 16, 16] == [line for line, _ in told]
    for part, (_, message) in zip(
        (
            "not for Terraform",
            "written to every artifact",
            'mean "username"',
            "username is missing",
            "in clear",
            "token",
        ),
        told,
        strict=True,
    ):
        assert part in message


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("{type: gcs, bucket: b}", "backend type 'gcs' is not supported"),
        ("{type: s3, bucket: b}", "region is missing"),
        ("{type: s3, bucket: b, region: r, key: mine}", "key is not allowed"),
        ("{type: s3, bukket: b, region: r}", 'Did you mean "bucket"?'),
    ],
)
def test_a_backend_that_cannot_be_is_told_before_anything_runs(folder, repository, store, engines, backend, says):
    """At the workflow's own line; what a manifest only fills in is not looked at."""
    text = (folder.path / "workflow.yaml").read_text()
    line = next(number for number, found in enumerate(text.splitlines(), 1) if found.startswith("backend:"))
    folder.write("workflow.yaml", "\n".join([*text.splitlines()[: line - 1], f"backend: {backend}", ""]))
    with pytest.raises(InvalidDocuments) as caught:
        publish_folder(folder.path, repository, store, engines)

    told = [fault for fault in caught.value.faults if "workflow.yaml" in fault.file]
    assert any(says in fault.message and fault.line == line for fault in told)


class Asked(MemoryRepository):
    """A catalog that counts how often it is read whole, and can have a writer between two readings."""

    def __init__(self):
        super().__init__()
        self.whole = 0
        self.then = []

    def entries(self, kind=None):
        found = super().entries(kind)
        self.whole += 1
        if self.then:
            self.then.pop()()
        return found


def test_a_publication_reads_the_catalog_once(folder, store, engines):
    """What it was checked against is what its snapshot is made of."""
    repository = Asked()
    publish_folder(folder.path, repository, store, engines)

    assert repository.whole == 1
    assert repository.active() == {"shop": "1.0.0"}


def test_what_another_writer_added_meanwhile_is_in_the_snapshot(folder, tmp_path, store, engines):
    """The head has moved since the check, so the catalog is read again."""
    repository = Asked()
    publish_folder(folder.path, repository, store, engines)
    text = (folder.path / "manifest.yaml").read_text()
    folder.write("manifest.yaml", text.replace("name: shop", "name: cafe", 1))
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.yaml").write_text(text.replace("name: shop", "name: bar", 1))
    repository.then.append(lambda: publish_folder(other, repository, store, engines))
    publish_folder(folder.path, repository, store, engines)

    assert set(load_snapshot(store, repository.head().snapshot).manifests) == {"shop", "cafe", "bar"}
