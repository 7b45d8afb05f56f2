"""The files that a team without MCOP has: one per manifest, that builds what `bench.floor` writes by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.plans import one_plan

_FILE = '''"""The airflow dags of manifest {name}."""

from airflow.sdk import get_parsing_context

from bench.floor import build_by_hand

PAGES = dict.fromkeys(("admit", "preview", "approve", "remove"), """{page}""")

wanted = get_parsing_context().dag_id
globals().update({{dag.dag_id: dag for dag in build_by_hand("{name}", "{digest}", PAGES, wanted)}})
'''
_PAGE = "What this task does, in as many words as the pages of MCOP's own tasks have.\n" * 12


def write_files_by_hand(folder: Path, count: int) -> Path:
    """Write *count* DAG files into *folder*, and return it."""
    folder.mkdir(parents=True)
    for number in range(count):
        name = f"shop{number}"
        digest = hashlib.sha256(one_plan(name).to_json()).hexdigest()
        (folder / f"{name}.py").write_text(_FILE.format(name=name, digest=digest, page=_PAGE))
    return folder
