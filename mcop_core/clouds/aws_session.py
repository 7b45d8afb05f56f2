"""EDGE boto3: as whom AWS is asked, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidInput,
    McopError,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Refused,
    Throttled,
    Unreachable,
)

_MEANINGS: Mapping[type[McopError], tuple[str, ...]] = {
    Throttled: (
        "EC2ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ),
    CredentialsRefused: (
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "OptInRequired",
        "PendingVerification",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    ),
    NotInCloud: ("InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound", "ResourceNotFoundException"),
    # EC2 says `Unsupported` of a size that this zone does not have.
    NoCapacity: (
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "Unsupported",
    ),
    QuotaExceeded: (
        "InstanceLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "NetworkInterfaceLimitExceeded",
        "ResourceLimitExceeded",
        "VcpuLimitExceeded",
        "VolumeLimitExceeded",
    ),
    Conflict: ("IncorrectInstanceState", "IncorrectState", "ResourceInUseException"),
    Refused: ("OperationNotPermitted",),
}
"""What it means -> the codes of EC2 and EKS; of others, what begins with `Invalid` is an input that is wrong."""
_ERRORS = {code: kind for kind, codes in _MEANINGS.items() for code in codes}


def open_session(credentials: Mapping[str, str], region: str) -> Any:
    """
    Return a session of boto3 with *credentials*; with none, as boto3 finds them.

    Raises:
        InvalidInput: They are neither a key nor a role.
    """
    import boto3

    key, secret, role = (credentials.get(name) for name in ("login", "password", "role_arn"))
    if credentials and not role and not (key and secret):
        has = ", ".join(sorted(credentials)) or "nothing"
        raise InvalidInput(f"credentials of AWS need login and password, or role_arn. They hold: {has}.")
    session = boto3.Session(
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=credentials.get("aws_session_token"),
    )
    return _as_role(session, role, region) if role else session


def _as_role(session: Any, role: str, region: str) -> Any:
    """Return a session that takes *role*, anew whenever that ends."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import Session

    fetcher = AssumeRoleCredentialFetcher(
        session._session.create_client, session.get_credentials(), role, extra_args={"RoleSessionName": "mcop"}
    )
    inner: Any = Session()
    inner._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=inner, region_name=region)


def meaning_of(error: Exception, what: str) -> McopError | None:
    """Return what *error* means; None if it is none that AWS or the way to it makes."""
    from botocore import exceptions as raised

    if isinstance(error, raised.ClientError):
        return _of_code(error, what)
    if isinstance(error, raised.HTTPClientError | raised.ConnectionError):
        return Unreachable(f"{what}: no answer: {error}", service="aws")
    if isinstance(error, raised.NoCredentialsError | raised.PartialCredentialsError | raised.CredentialRetrievalError):
        return CredentialsRefused(f"{what}: {error}")
    if isinstance(error, raised.ParamValidationError | raised.NoRegionError | raised.ProfileNotFound):
        return InvalidInput(f"{what}: {error}")
    return None


def _of_code(error: Any, what: str) -> McopError:
    told, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, message = str(told.get("Code", "")), f"{what}: {told.get('Message') or error} ({told.get('Code', 'no code')})"
    kind = _ERRORS.get(code)
    if kind is Throttled:
        return Throttled(message, service="aws", retry_after_s=_seconds(about.get("HTTPHeaders", {})))
    if kind is None and about.get("HTTPStatusCode", 0) >= 500:
        return Unreachable(message, service="aws")
    if kind is None and about.get("HTTPStatusCode") in (401, 403):
        kind = CredentialsRefused
    if kind is None and code.startswith(("Invalid", "Missing", "Unknown")):
        kind = InvalidInput
    return (kind or CloudFailed)(message, code=code)


def _seconds(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return float(text) if text.isdigit() else 0.0
