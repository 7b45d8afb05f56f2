import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcop_airflow import snapshot_folder
from mcop_airflow.snapshot_folder import SnapshotFiles, is_complete, kept_plans, plan_digests, write_folder
from mcop_core.compiler.snapshot import plan_key
from mcop_core.errors import InvalidInput, InvalidName, NotFound, StoredObjectMissing, Tampered
from tests.plugins.plans import dags_of, storefront


@pytest.fixture
def files():
    plan = storefront()
    return SnapshotFiles(
        {"storefront": (plan.digest, plan.to_json())}, {"broken": "there is no 'pattern'\nnowhere \"x\""}
    )


@pytest.fixture
def folder(files, tmp_path):
    write_folder(tmp_path / "versions" / "abc", files)
    return tmp_path / "versions" / "abc"


def load(path):
    """Import a DAG file as Airflow does."""
    spec = importlib.util.spec_from_file_location("dag_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_manifests_file_builds_its_dags(folder):
    """One that deploys and one that destroys; the file reads the plan beside it, wherever the folder lies."""
    moved = folder.rename(folder.with_name("moved"))

    assert dags_of("storefront") <= set(vars(load(moved / "dags" / "storefront.py")))


def test_a_broken_manifests_file_raises_why(folder):
    """The file of a manifest without a plan fails with the manifest's name and its error, quotes and all."""
    with pytest.raises(InvalidInput) as raised:
        load(folder / "dags" / "broken.py")

    assert str(raised.value) == "manifest broken: there is no 'pattern'\nnowhere \"x\""


def test_airflow_sees_every_file(folder):
    """Airflow looks at a file only if it holds the words airflow and dag."""
    texts = [path.read_text().lower() for path in (folder / "dags").iterdir()]

    assert len(texts) == 2
    assert all("airflow" in text and "dag" in text for text in texts)


def test_the_index_tells_plans_and_errors(folder, files):
    """The folder says which plan each manifest has, and which has none and why."""
    assert plan_digests(folder) == {"storefront": storefront().digest}
    assert snapshot_folder.broken_manifests(folder) == files.broken


def test_no_name_leads_out_of_the_folder(tmp_path):
    """A name that is none is refused, and nothing is left behind."""
    for bad in (SnapshotFiles({"../x": ("d", b"{}")}), SnapshotFiles(broken={'x"\n': "error"})):
        with pytest.raises(InvalidName):
            write_folder(tmp_path / "versions" / "abc", bad)

    assert list((tmp_path / "versions").iterdir()) == []


def test_many_processes_may_write_one_folder(files, tmp_path):
    """Written by eight at once, the folder is whole and nothing lies beside it."""
    folder = tmp_path / "versions" / "abc"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write_folder(folder, files), range(8)))

    assert is_complete(folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_half_a_folder_is_written_again(files, tmp_path):
    """A folder without its index, as a removal that was cut off leaves it, is replaced."""
    folder = tmp_path / "versions" / "abc"
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "old.py").touch()

    write_folder(folder, files)

    assert is_complete(folder)
    assert not (folder / "dags" / "old.py").exists()


def test_a_folder_that_cannot_be_written_is_told(files, tmp_path):
    """Where a file lies in the way the folder does not appear, and the error says so."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "abc").touch()

    with pytest.raises(NotFound, match="could not be written"):
        write_folder(tmp_path / "versions" / "abc", files)


def test_a_snapshot_is_read_with_its_plans(catalog):
    """Every plan comes as the bytes that its digest names."""
    files = snapshot_folder.read_snapshot(catalog.store, catalog.repository.head().snapshot, {})

    assert set(files.plans) == {"shop", "cafe"}
    assert all(catalog.store.get(plan_key(digest)).data == data for digest, data in files.plans.values())


def test_plans_that_lie_here_are_not_read_again(catalog, tmp_path):
    """A plan kept from an earlier snapshot is taken from disk, unless it is damaged there."""
    snapshot = catalog.repository.head().snapshot
    folder = tmp_path / "kept"
    write_folder(folder, snapshot_folder.read_snapshot(catalog.store, snapshot, {}))
    kept = kept_plans(folder)
    for digest in kept:
        catalog.store.delete(plan_key(digest))

    assert set(snapshot_folder.read_snapshot(catalog.store, snapshot, kept).plans) == {"shop", "cafe"}
    next(iter(kept.values())).write_text("{}")
    with pytest.raises(StoredObjectMissing):
        snapshot_folder.read_snapshot(catalog.store, snapshot, kept)


def test_a_changed_plan_is_refused(catalog):
    """A plan whose bytes have another digest is not built."""
    snapshot = catalog.repository.head().snapshot
    for key in list(catalog.store.keys("plans/")):
        catalog.store.put(key, json.dumps({}).encode())

    with pytest.raises(Tampered, match=r"plan .* has the digest"):
        snapshot_folder.read_snapshot(catalog.store, snapshot, {})


def test_no_folder_keeps_no_plans(tmp_path):
    """Of a folder that is not there nothing is kept."""
    assert kept_plans(tmp_path / "nowhere") == {}
