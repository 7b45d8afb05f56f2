"""
Environment variables of the stack's processes: pure.

The emulated cloud must be all that they can reach: nothing of the caller's own AWS account, Airflow, Terraform
or MCOP goes in.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

REGION = "us-east-1"
LOCAL = "127.0.0.1"
_NO_PROXY = ("NO_PROXY", "no_proxy")
_INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", *_NO_PROXY),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)


def local_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """
    Return what of the caller's environment the stack's processes need: where the machine's own things are.

    The interpreter's own folder comes first on PATH, and no proxy stands between the parts of the stack.
    """
    kept = {name: inherited[name] for name in sorted(inherited) if name in _INHERITED or name.startswith("LC_")}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept.get('PATH', '/usr/bin:/bin')}"
    exempt = {f"{LOCAL},localhost": None} | {kept[name]: None for name in _NO_PROXY if kept.get(name)}
    return kept | dict.fromkeys(_NO_PROXY, ",".join(exempt))


def telemetry_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """
    Return OpenTelemetry's own variables of the caller, and what has Airflow use them; nothing without an endpoint.

    They name a collector and no account: what the stack tells of itself goes where its caller's other programs tell.
    """
    given = {name: value for name, value in inherited.items() if name.startswith("OTEL_")}
    if not given.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return {}
    return {**given, "AIRFLOW__TRACES__OTEL_ON": "True", "AIRFLOW__METRICS__OTEL_ON": "True"}


def cloud_environment(port: int, region: str = REGION) -> dict[str, str]:
    """Return what leads every AWS SDK, Terraform's provider included, to the emulator on *port*, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL": f"http://{LOCAL}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # boto3 reads AWS_DEFAULT_REGION alone, Terraform's provider either.
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def isolated_cloud_environment(port: int, region: str = REGION) -> dict[str, str]:
    """Return `cloud_environment`, and keep the SDKs from reading profiles in the user's home."""
    nothing = "/dev/null"
    return cloud_environment(port, region) | {"AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing}
