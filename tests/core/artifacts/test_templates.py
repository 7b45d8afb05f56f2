"""A primitive's files, from a folder to the store and back."""

import os
from dataclasses import replace

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.templates import (
    FILES_MANIFEST,
    collect_files,
    delete_template,
    is_saved,
    load_template,
    save_template,
)
from mcop_core.catalog.models import TemplateFile
from mcop_core.errors import InvalidDocuments, InvalidName, StoredObjectMissing, Tampered
from mcop_core.limits import USUAL_LIMITS, Limits

FILES = {"main.tf": b"# main\n", "modules/a/data.bin": b"\x00\xff", "versions.tf": b""}
VPC = ("terraform", "aws", "vpc", "1.2.0")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    """A folder with FILES."""
    root = tmp_path / "source"
    for path, data in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def faults_of(folder):
    with pytest.raises(InvalidDocuments) as caught:
        collect_files(folder)
    return {(os.path.relpath(fault.file, folder), fault.message) for fault in caught.value.faults}


class TestCollect:
    def test_every_regular_file_is_read(self, folder):
        """Hidden files and nested folders belong to the module; what git and Python put there does not."""
        (folder / ".git").mkdir()
        (folder / ".git/config").write_text("x")
        (folder / ".tflint.hcl").write_text("x")

        assert collect_files(folder) == {**FILES, ".tflint.hcl": b"x"}
        assert sorted(collect_files(folder)) == list(collect_files(folder))

    def test_a_link_is_refused(self, folder, tmp_path):
        """Neither a file nor a folder outside is reached."""
        (tmp_path / "secret").write_text("x")
        (folder / "link.tf").symlink_to(tmp_path / "secret")
        (folder / "modules/linked").symlink_to(tmp_path)

        assert {"link.tf", "modules/linked"} == {path for path, _ in faults_of(folder)}

    def test_all_faults_come_at_once(self, folder):
        """One reading tells everything that is wrong."""
        (folder / "terraform.tfstate").write_text("{}")
        (folder / ".terraform/providers").mkdir(parents=True)
        (folder / ".terraform/providers/big").write_text("x")
        (folder / "MAIN.tf").write_text("x")
        (folder / "a b.tf").write_text("x")
        os.mkfifo(folder / "pipe")

        assert {"terraform.tfstate", ".terraform", "main.tf", "a b.tf", "pipe"} == {p for p, _ in faults_of(folder)}

    def test_a_large_file_is_named(self, folder):
        """The limit of one file names the file and both sizes."""
        (folder / "large").write_bytes(b"x" * (USUAL_LIMITS.template_file_bytes + 1))

        assert {("large", "it has 5000001 bytes: allowed are 5000000 (MCOP_LIMIT_TEMPLATE_FILE_BYTES)")} == faults_of(
            folder
        )

    def test_many_bytes_are_refused(self, folder):
        """The limit of all files names the folder."""
        for number in range(11):
            with (folder / f"part{number}").open("wb") as file:
                file.truncate(USUAL_LIMITS.template_file_bytes)

        assert {(".", "its files have 55000009 bytes: allowed are 50000000 (MCOP_LIMIT_TEMPLATE_BYTES)")} == faults_of(
            folder
        )

    def test_many_files_are_refused(self, folder):
        """The number of files has a limit."""
        for number in range(USUAL_LIMITS.template_files):
            (folder / f"{number}.tf").touch()

        assert {(".", "it has 2003 files: allowed are 2000 (MCOP_LIMIT_TEMPLATE_FILES)")} == faults_of(folder)

    def test_the_limits_are_those_that_are_given(self, folder):
        """What an administrator allows is allowed, and nothing more."""
        size = sum(map(len, FILES.values()))
        allowed = Limits(template_bytes=size, template_files=len(FILES))

        assert collect_files(folder, limits=allowed) == FILES
        for smaller in (replace(allowed, template_bytes=size - 1), replace(allowed, template_files=2)):
            with pytest.raises(InvalidDocuments, match=r"\(MCOP_LIMIT_TEMPLATE_(BYTES|FILES)\)"):
                collect_files(folder, limits=smaller)

    def test_nothing_is_no_module(self, tmp_path):
        """An empty or missing folder is a fault."""
        assert len(faults_of(tmp_path)) == 1
        assert len(faults_of(tmp_path / "missing")) == 1


class TestStore:
    def test_what_is_saved_is_loaded(self, store, tmp_path):
        """The files come back as they were, under a path that names type, provider, name and version."""
        template = save_template(store, *VPC, FILES)

        assert load_template(store, template, tmp_path / "cache") == FILES
        assert template.prefix == f"terraform/aws/vpc/1.2.0/{template.digest[:16]}"
        assert f"{template.prefix}/main.tf" in set(store.keys(""))

    def test_the_digest_is_of_paths_and_bytes(self, store):
        """Same files, same template; another byte or path, another place."""
        template = save_template(store, *VPC, FILES)

        assert template == save_template(store, *VPC, dict(reversed(FILES.items())))
        assert template.prefix != save_template(store, *VPC, {**FILES, "versions.tf": b" "}).prefix
        assert template.prefix != save_template(store, *VPC, {**FILES, "other.tf": b""}).prefix

    def test_it_is_saved_when_the_manifest_is(self, store):
        """A writer that died before the manifest has saved nothing; saving again completes it."""
        template = save_template(store, *VPC, FILES)
        store.delete(f"{template.prefix}/{FILES_MANIFEST}")
        store.delete(f"{template.prefix}/main.tf")
        half = is_saved(store, template)
        save_template(store, *VPC, FILES)

        assert (half, is_saved(store, template)) == (False, True)
        assert store.get(f"{template.prefix}/main.tf").data == b"# main\n"

    def test_deleting_leaves_nothing(self, store):
        """What a refused publication saved is gone; other versions stay."""
        other = save_template(store, "terraform", "aws", "vpc", "1.2.1", FILES)
        delete_template(store, save_template(store, *VPC, FILES))

        assert {other.prefix} == {key[: len(other.prefix)] for key in store.keys("")}

    def test_an_altered_file_is_named(self, store, tmp_path):
        """Other bytes under a published digest are never used."""
        template = save_template(store, *VPC, FILES)
        store.put(f"{template.prefix}/main.tf", b"# evil\n")
        with pytest.raises(Tampered, match=r"main\.tf") as caught:
            load_template(store, template, tmp_path / "cache")

        assert caught.value.file == "main.tf"

    def test_an_altered_list_is_refused(self, store, tmp_path):
        """A list of files that has not the template's digest is refused before anything is fetched."""
        template = save_template(store, *VPC, FILES)
        added = {**template.files, "evil.tf": TemplateFile(sha256="0" * 64, size_bytes=1)}
        with pytest.raises(Tampered, match="list of files"):
            load_template(store, template.model_copy(update={"files": added}), tmp_path / "cache")

    def test_a_missing_file_is_missed(self, store, tmp_path):
        """A file deleted behind MCOP's back ends in an error that names it."""
        template = save_template(store, *VPC, FILES)
        store.delete(f"{template.prefix}/versions.tf")
        with pytest.raises(StoredObjectMissing, match=r"versions\.tf"):
            load_template(store, template, tmp_path / "cache")

    def test_the_cache_serves_without_the_store(self, store, tmp_path):
        """What was loaded once is read from the machine."""
        template = save_template(store, *VPC, FILES)
        load_template(store, template, tmp_path / "cache")
        delete_template(store, template)

        assert load_template(store, template, tmp_path / "cache") == FILES

    def test_a_damaged_cache_is_repaired(self, store, tmp_path):
        """Bytes of the cache are verified like those of the store."""
        template = save_template(store, *VPC, FILES)
        load_template(store, template, tmp_path / "cache")
        cached = next(path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.read_bytes())
        good = cached.read_bytes()
        cached.write_bytes(b"damaged")

        assert load_template(store, template, tmp_path / "cache") == FILES
        assert good == cached.read_bytes()

    def test_a_cache_that_cannot_be_written_is_no_error(self, store, tmp_path):
        """The files come from the store alone."""
        (tmp_path / "cache").write_text("a file")

        assert load_template(store, save_template(store, *VPC, FILES), tmp_path / "cache") == FILES

    @pytest.mark.parametrize("path", ["../evil.tf", "/etc/passwd", "a\\b", FILES_MANIFEST])
    def test_a_path_that_leaves_is_refused(self, store, path):
        """A refused path is refused before anything is written."""
        with pytest.raises(InvalidName):
            save_template(store, *VPC, {**FILES, path: b""})

        assert list(store.keys("")) == []
