"""The stores `secretsmanager` and `ssm`, against two emulators."""

import json

import pytest
from botocore.exceptions import ClientError

from mcop_core.errors import InvalidInput, Refused, SecretNotFound, Unreachable
from mcop_core.secrets.aws import ParameterStore, SecretsManagerStore, read_error
from mcop_core.secrets.reference import SecretRef
from tests.contracts.secret_store import SecretStoreContract, Shelf
from tests.emulators import NAMES, free_port, running

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module", params=NAMES)
def emulator(request, tmp_path_factory):
    with running(request.param, tmp_path_factory.mktemp(request.param)) as emulator:
        yield emulator


@pytest.fixture
def account(emulator, monkeypatch):
    """The emulator, in the variables by which boto3 finds it."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


class TestSecretsManager(SecretStoreContract):
    @pytest.fixture
    def shelf(self, account):
        client = account.client("secretsmanager")

        def put(path, key, value):
            text = json.dumps({key: value})
            try:
                client.create_secret(Name=path, SecretString=text)
            except client.exceptions.ResourceExistsException:
                client.put_secret_value(SecretId=path, SecretString=text)

        return Shelf("secretsmanager", SecretsManagerStore({}), put)


class TestParameterStore(SecretStoreContract):
    @pytest.fixture
    def shelf(self, account):
        def put(path, key, value):
            text = json.dumps({key: value})
            account.client("ssm").put_parameter(
                Name=f"/{path}", Value=text, Type="SecureString", Overwrite=True, Tier="Advanced"
            )

        return Shelf("ssm", ParameterStore({}), put)

    def test_a_name_of_one_part_has_no_slash(self, account):
        """Parameter Store knows `token` beside `/shop/token`."""
        account.client("ssm").put_parameter(Name="token", Value="hunter2", Type="SecureString", Overwrite=True)

        assert ParameterStore({}).get(SecretRef("ssm", "token")) == "hunter2"


def test_a_store_that_does_not_answer_is_unreachable(monkeypatch):
    """Its caller may try again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    with pytest.raises(Unreachable, match="secret://ssm/a"):
        ParameterStore({}).get(SecretRef("ssm", "a"))


def test_a_region_that_is_missing_is_told(monkeypatch):
    """It is the worker's set-up that is wrong."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(InvalidInput, match="AWS_REGION"):
        SecretsManagerStore({}).get(SecretRef("secretsmanager", "a"))


CODES = {
    "AccessDeniedException": Refused,
    "ParameterNotFound": SecretNotFound,
    "InvalidRequestException": SecretNotFound,
    "ThrottlingException": Unreachable,
    "InternalServiceError": Unreachable,
}


@pytest.mark.parametrize(("code", "kind"), CODES.items(), ids=CODES)
def test_the_codes_of_aws_are_told_apart(code, kind):
    """The emulators have no permissions and throttle nobody, so that their answers are written here."""
    answer = ClientError({"Error": {"Code": code, "Message": "words"}}, "GetParameter")

    error = read_error(SecretRef("ssm", "a"), answer.response["Error"])

    assert (kind, "secret://ssm/a" in str(error)) == (type(error), True)
