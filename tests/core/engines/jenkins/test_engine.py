"""Jenkins as an engine, held to the suite of all engines."""

import re

import pytest

from mcop_core.catalog.models import Adapter, AdapterSettings, ProviderRequirement
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.errors import Cancelled, EngineFailed, Waiting
from mcop_core.settings import Settings
from tests.contracts.engine import VALUE, EngineContract, EngineSample, OperationContract
from tests.core.engines.jenkins.controllers import world
from tests.core.runner.conftest import wait_for
from tests.fakes.groovy_literals import decode

JENKINSFILE = b"node {\n    def value = {{ value }}\n    echo 'done'\n}\n"
INTERFACE = b"inputs:\n  value: {default: null}\noutputs:\n  result: {from: {build: number}}\n"


@pytest.fixture
def engine():
    return JenkinsEngine(Settings())


@pytest.fixture
def sample():
    return EngineSample(
        files={"Jenkinsfile": JENKINSFILE, "interface.yaml": INTERFACE},
        broken={"Jenkinsfile": JENKINSFILE + b"stagez('x') {\n}\n", "interface.yaml": INTERFACE},
        broken_line=5,
        settings=AdapterSettings(
            configuration={"url": "https://ci.example.org", "username": "mcop"},
            credentials={"token": "secret://vault/ci/jenkins#token"},
        ),
        backend={"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True},
        values_of=lambda artifact: {"value": decode(value_in(artifact))},
        takes_sensitive=False,
    )


def value_in(artifact) -> str:
    return re.search(r"^    def value = (.*)$", artifact.files["Jenkinsfile"].decode(), re.MULTILINE)[1]


@pytest.fixture
def operated(tmp_path):
    with world(tmp_path) as made:
        yield made


class TestContract(EngineContract):
    pass


class TestOperations(OperationContract):
    pass


class TestOperationsThatWait(OperationContract):
    """No operation stays for a build: each is carried out by as many looks as it takes."""

    @pytest.fixture
    def operated(self, tmp_path):
        with world(tmp_path) as made:
            made.wait_in_slot_s = 0
            yield made

    def test_cancelled_while_it_works(self, operated):
        """Between two looks nothing is locked; the next look stops the build, and nothing goes on behind it."""
        with pytest.raises(Waiting):
            operated.apply(VALUE, slow=True)
        assert [] == [key for key in operated.store.keys("") if key.endswith("lock")]
        wait_for(operated.is_at_work)
        operated.cancel()
        with pytest.raises(Cancelled):
            operated.apply(VALUE, slow=True)

        assert not operated.is_at_work()
        operated.resume()
        assert VALUE == self.apply(operated).outputs["result"]


def test_there_is_no_provider_to_lock(engine):
    """Who asks for one is told."""
    with pytest.raises(EngineFailed, match="no providers"):
        engine.lock({"aws": ProviderRequirement(source="hashicorp/aws")})


def test_what_an_adapter_needs_is_told_without_asking_it(engine):
    """Neither is the controller asked nor the token read."""
    settings = {"configuration": {"url": "https://ci.example.org"}, "credentials": {"token": "secret://env/CI_TOKEN"}}
    adapter = Adapter(
        name="ci",
        version="1.0.0",
        provider="jenkins",
        primitive_type="jenkins",
        engine="jenkins",
        settings=AdapterSettings(**settings),
    )
    assert [(need.what, need.found) for need in engine.needs(adapter)] == [
        ("controller https://ci.example.org", None),
        ("token secret://env/CI_TOKEN", None),
    ]
