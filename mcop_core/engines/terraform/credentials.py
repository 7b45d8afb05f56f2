"""
The credentials that a manifest names for a provider: what of them becomes which variable of Terraform's environment.

Where a manifest names its own, nothing of the worker's reaches the provider: neither variables nor files nor the role
of the machine. Pure, but for reading what `own_credentials` is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.engines.base import RenderRequest
from mcop_core.engines.terraform.provider_block import split_source
from mcop_core.engines.terraform.providers import CREDENTIALS, is_meant
from mcop_core.engines.values import SECRET_KEY, read_secret
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, Refused
from mcop_core.secrets.reference import SecretRef

FIELDS: Mapping[str, Mapping[str, str]] = {
    "hashicorp/aws": {
        "AWS_ACCESS_KEY_ID": "login",
        "AWS_SECRET_ACCESS_KEY": "password",
        "AWS_SESSION_TOKEN": "aws_session_token",
        "AWS_ROLE_ARN": "role_arn",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    },
    "hashicorp/azurerm": {
        "ARM_CLIENT_ID": "login",
        "ARM_CLIENT_SECRET": "password",
        "ARM_TENANT_ID": "tenantId",
        "ARM_SUBSCRIPTION_ID": "subscriptionId",
        "ARM_OIDC_TOKEN_FILE_PATH": "oidc_token_file",
        "ARM_USE_OIDC": "use_oidc",
    },
    "hashicorp/google": {"GOOGLE_CREDENTIALS": "keyfile_dict", "GOOGLE_PROJECT": "project"},
    "digitalocean/digitalocean": {"DIGITALOCEAN_TOKEN": "password"},
}
"""Provider -> variable -> field of the secret, named as in Airflow's connections to that cloud."""

_KEPT = {
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "ARM_ENVIRONMENT", "ARM_METADATA_HOSTNAME"),
    *("GOOGLE_REGION", "GOOGLE_ZONE"),
}
"""Variables of the worker that say where, and not as whom."""
_KEPT_PREFIX = "AWS_ENDPOINT_URL"

_CLOSED: Mapping[str, Mapping[str, str]] = {
    "hashicorp/aws": {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    },
    "hashicorp/azurerm": {"ARM_USE_CLI": "false", "ARM_USE_MSI": "false"},
}
"""Provider -> what keeps it from looking for credentials in files of the worker's, and from asking its machine."""


def credentials_of(request: RenderRequest) -> dict[str, Any]:
    """
    Return what an artifact's runtime says of the credentials that its manifest names; empty if it names none.

    Raises:
        InvalidDocuments: The adapter has no source, or does not say which variables its provider reads.
    """
    if not request.credentials:
        return {}
    source = "/".join(split_source(request.settings.source)[1:])
    fields = dict(request.settings.credential_fields) or dict(FIELDS.get(source, {}))
    if not fields:
        message = (
            f"the manifest names credentials, and the adapter does not say which variables the provider "
            f"{source or 'of no source'} reads: write settings.credential_fields"
        )
        raise InvalidDocuments.of([Fault(message, request.step, "credentials")])
    hidden = sorted({*CREDENTIALS.get(source, ()), *request.settings.environment, *fields})
    return {
        "from": {SECRET_KEY: request.credentials},
        "fields": fields,
        "hidden": hidden,
        "closed": dict(_CLOSED.get(source, {})),
    }


@dataclass(frozen=True, slots=True)
class OwnCredentials:
    """
    What the components of one root have of their own.

    Attributes:
        variables: Name -> value; secret.
        hidden: Variables of the worker that are not passed on; `ABC_*` stands for all of a prefix.
        closed: Variables that keep a provider from looking elsewhere.
    """

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: frozenset[str] = frozenset()
    closed: Mapping[str, str] = field(default_factory=dict)

    @property
    def aws_keys(self) -> dict[str, str]:
        """The access key in it, in the words of the AWS provider's configuration; empty if it has none."""
        names = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
        found = {word: self.variables[name] for word, name in names.items() if name in self.variables}
        return found if "access_key" in found and "AWS_ROLE_ARN" not in self.variables else {}

    @property
    def texts(self) -> tuple[str, ...]:
        """What of them is hidden in every text: all but words as `true`, which would take more from a log."""
        return tuple(text for text in self.variables.values() if len(text) >= _SHORTEST)

    def without_the_workers(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return *environment*, of the worker, without what says as whom a provider speaks."""
        return {name: text for name, text in environment.items() if _is_kept(name) or not is_meant(name, self.hidden)}

    def over(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return *environment*, of a Terraform process, with these credentials."""
        return {**environment, **self.closed, **self.variables}


NONE = OwnCredentials()
_SHORTEST = 8
"""Characters of what is hidden."""


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_PREFIX)


def check_alike(requests: Iterable[RenderRequest]) -> None:
    """
    Make sure that those who share a process speak as one: it has one set of variables for a provider.

    Raises:
        Refused: Two of one provider have different credentials, or only one of them has its own.
    """
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for one in requests:
        for provider, credentials in _spoken_as(one).items():
            step, others = found.setdefault(provider, (one.step, credentials))
            if credentials != others:
                both = ((step, others), (one.step, credentials))
                told = " and ".join(f"{name} with {text or 'those of the worker'}" for name, text in both)
                raise Refused(
                    f"components of one provider with different credentials cannot be looked at as one: {told}"
                )


def _spoken_as(request: RenderRequest) -> dict[tuple[str, ...], str]:
    """Return provider -> credentials, of all that a component needs; those beside its adapter's are the worker's."""
    others = {tuple(split_source(entry.source)[1:]): "" for entry in request.interface.providers.values()}
    source = request.settings.source
    own = tuple(split_source(source)[1:]) if source else ("", *sorted(request.settings.credential_fields))
    return {**others, own: request.credentials}


def references_to(entries: Iterable[Mapping[str, Any]]) -> set[SecretRef]:
    """Return the references of *entries*, each as `credentials_of` returns it, or empty."""
    return {ref for entry in entries if entry and (ref := read_secret(entry["from"])) is not None}


def own_credentials(entries: Iterable[Mapping[str, Any]], secrets: Mapping[SecretRef, str]) -> OwnCredentials:
    """
    Return what all *entries* together say, with the values of *secrets*.

    Raises:
        InvalidInput: A secret is no JSON object, or holds nothing that the provider reads; no value is named.
        Refused: Two of them give one variable different values.
    """
    variables: dict[str, str] = {}
    hidden: set[str] = set()
    closed: dict[str, str] = {}
    for entry in entries:
        ref = read_secret(entry["from"]) if entry else None
        if ref is None:
            continue
        for name, text in _variables(ref, entry["fields"], secrets[ref]).items():
            if variables.setdefault(name, text) != text:
                raise Refused(f"components with different credentials ({name}) cannot be looked at as one")
        hidden.update(entry["hidden"])
        closed.update(entry["closed"])
    return OwnCredentials(variables, frozenset(hidden), closed)


def _variables(ref: SecretRef, fields: Mapping[str, str], text: str) -> dict[str, str]:
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise InvalidInput(f"the credentials {ref} must be a JSON object with {_listed(fields)}")
    found = {name: held.get(field, held.get(name)) for name, field in fields.items()}
    variables = {name: _text(value) for name, value in found.items() if value not in (None, "")}
    if not variables:
        has = ", ".join(sorted(held)) or "nothing"
        raise InvalidInput(f"the credentials {ref} hold none of {_listed(fields)}. They hold: {has}.")
    if "AWS_ROLE_ARN" in variables and "AWS_WEB_IDENTITY_TOKEN_FILE" not in variables:
        raise InvalidInput(
            f"the credentials {ref} name a role and no web_identity_token_file, so that AWS would be asked without it. "
            "Write assume_role into the adapter's configuration, and leave role_arn out"
        )
    return variables


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{field} ({name})" for name, field in fields.items())
