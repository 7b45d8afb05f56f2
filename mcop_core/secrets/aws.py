"""
EDGE boto3: the stores `secretsmanager` and `ssm`.

Credentials, region and endpoint are found as boto3 finds them in the process's environment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from mcop_core.aws import open_client
from mcop_core.errors import InvalidInput, McopError, Refused, SecretNotFound, Unreachable
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.stores import Environment, key_of_json

_MISSING = {"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"}
_FORBIDDEN = {
    "AccessDenied",
    "AccessDeniedException",
    "DecryptionFailure",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "UnrecognizedClientException",
}
_GONE = {"InvalidRequestException"}
"""Secrets Manager says this of a secret that is marked for deletion."""
_READ_S = 15.0


class SecretsManagerStore:
    """AWS Secrets Manager: `secret://secretsmanager/<name or ARN>#<key of its JSON>`, current version."""

    def __init__(self, environment: Environment) -> None: ...

    def get(self, ref: SecretRef) -> str:
        """Return the secret's text, or one key of it."""
        answer = _ask(ref, lambda: self._client.get_secret_value(SecretId=ref.path))
        if "SecretString" not in answer:
            raise SecretNotFound(f"{ref}: the secret is binary, and only text can be handed over", reference=str(ref))
        return key_of_json(ref, answer["SecretString"])

    @cached_property
    def _client(self) -> Any:
        return open_client("secretsmanager", read_s=_READ_S)


class ParameterStore:
    """
    AWS Systems Manager Parameter Store: `secret://ssm/<path>#<key of its JSON>`.

    A path of several parts is the parameter `/<path>`, since such names begin with a slash.
    """

    def __init__(self, environment: Environment) -> None: ...

    def get(self, ref: SecretRef) -> str:
        """Return the parameter's value, decrypted."""
        name = f"/{ref.path}" if "/" in ref.path else ref.path
        answer = _ask(ref, lambda: self._client.get_parameter(Name=name, WithDecryption=True))
        return key_of_json(ref, answer["Parameter"]["Value"])

    @cached_property
    def _client(self) -> Any:
        return open_client("ssm", read_s=_READ_S)


def _ask(ref: SecretRef, call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        return call()
    except ClientError as error:
        raise read_error(ref, error.response["Error"]) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise InvalidInput(f"{ref}: {error} Set AWS_REGION and the credentials of the worker.") from error
    except BotoCoreError as error:
        raise Unreachable(f"{ref}: the store does not answer: {error}", service=ref.store) from error


def read_error(ref: SecretRef, said: Any) -> McopError:
    """Return the error for a code; AWS's own words may name who asks, and never hold a value."""
    code, words = said.get("Code", ""), said.get("Message", "")
    if code in _MISSING:
        return SecretNotFound(f"{ref}: there is no such secret in this account and region ({code})", reference=str(ref))
    if code in _GONE:
        return SecretNotFound(f"{ref}: the secret cannot be read, it may be marked for deletion: {words}")
    if code in _FORBIDDEN:
        return Refused(f"{ref}: the credentials may not read it ({code}): {words}")
    return Unreachable(f"{ref}: the store does not serve it ({code}): {words}", service=ref.store)
