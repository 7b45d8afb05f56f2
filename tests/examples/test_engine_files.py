"""An engine of another package, held to the suite of all engines."""

import json

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.catalog.models import AdapterSettings
from mcop_core.settings import Settings
from tests.contracts.engine import EngineContract, EngineSample, OperationContract
from tests.examples.worlds import World

DOCUMENT = """\
inputs:
  value: {default: null}
outputs:
  result: {value: {$input: value}}
files:
  value.json: {$input: value}
"""


@pytest.fixture
def engine(third_party):
    return open_engine("files", Settings())


@pytest.fixture
def sample():
    return EngineSample(
        files={"files.yaml": DOCUMENT.encode()},
        broken={"files.yaml": DOCUMENT.encode() + b"  again.json: {$input: valeu}\n"},
        broken_line=7,
        settings=AdapterSettings(configuration={"store": "s3://site?region=us-east-1", "folder": "live"}),
        backend={"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True},
        values_of=lambda artifact: json.loads(artifact.files["inputs.json"]),
    )


@pytest.fixture
def operated(engine, tmp_path):
    return World(engine, tmp_path)


class TestContract(EngineContract):
    pass


class TestOperations(OperationContract):
    pass
