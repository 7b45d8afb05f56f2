"""How one cloud is configured: a document of a few fields, checked as a whole; secrets stand in it by reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mcop_core.errors import Fault, InvalidDocuments, McopError, closest
from mcop_core.refs import NAME_PATTERN
from mcop_core.secrets.reference import SecretRef

TAG_KEY = r"[a-z][a-z0-9_-]{0,62}"
TAG_VALUE = r"[a-z0-9_-]{0,63}"
"""What every cloud takes as a tag; Google Cloud's labels and DigitalOcean's tags are the narrowest."""
OWN_PREFIX = "mcop-"
_SCHEME = "secret://"
_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?", re.ASCII)


def check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return *tags* unchanged if every cloud takes them, and none is one of MCOP's own.

    Raises:
        ValueError: One is not; names it and what is allowed.
    """
    for key, value in tags.items():
        if not re.fullmatch(TAG_KEY, key, re.ASCII) or not re.fullmatch(TAG_VALUE, value, re.ASCII):
            raise ValueError(f"the tag {key}={value} must match {TAG_KEY}={TAG_VALUE}: every cloud takes such ones")
        if key.startswith(OWN_PREFIX):
            raise ValueError(f"the tag {key}={value} would be one of MCOP's own: choose another key than {OWN_PREFIX}…")
    return tags


def _check_reference(text: str) -> str:
    if text and not text.startswith(_SCHEME):
        # Somebody may have written the secret itself here.
        raise ValueError(f"it is no reference to a secret: write {_SCHEME}<store>/<path>#<key>, and never the secret")
    if text:
        try:
            SecretRef.parse(text)
        except McopError as error:
            raise ValueError(error.message) from error
    return text


def _check_url(text: str) -> str:
    if text and not _URL.fullmatch(text):
        raise ValueError(f"{text!r} is no address: write https://host[:port][/path]")
    return text


def _check_protection(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not tag.partition("=")[0]:
            raise ValueError(f"{tag!r} is no tag: write key, or key=value")
    return tags


_AS_TUPLE = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], _AS_TUPLE]


class CloudConfig(BaseModel):
    """
    One cloud that MCOP may ask.

    Attributes:
        name: What people call it; one provider may be configured several times.
        provider: Registered name of the strategy: `aws`, `digitalocean`, …
        credentials: Reference to a secret that holds a JSON object, as a connection of Airflow's is; empty: as the
            provider's SDK finds them.
        region, zone, size, image, key: Of workers, where a request says nothing else.
        tags: Of every worker.
        owner: Whose workers these are: only what carries it is ever deleted.
        protect: Tags (`key`, `key=value`) with which a worker is never deleted.
        regions: What an inventory looks at, and where workers may be; empty: every region of the account.
        endpoint: Address of the API; empty: the provider's own.
        timeout_s: How long one call may take, seconds.
        at_once: How many calls run at once.
        options: What only this provider has; its strategy checks them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Name
    provider: Name
    credentials: Annotated[str, AfterValidator(_check_reference)] = ""
    region: str = Field(min_length=1)
    zone: str = ""
    size: str = ""
    image: str = ""
    key: str = ""
    tags: Annotated[dict[str, str], AfterValidator(check_tags)] = Field(default_factory=dict)
    owner: Annotated[str, Field(pattern=rf"^{TAG_VALUE}$", min_length=1)] = "mcop"
    protect: Annotated[tuple[str, ...], _AS_TUPLE, AfterValidator(_check_protection)] = ()
    regions: Texts = ()
    endpoint: Annotated[str, AfterValidator(_check_url)] = ""
    timeout_s: Annotated[float, BeforeValidator(lambda value: float(value) if type(value) is int else value)] = Field(
        default=30.0, gt=0, le=600
    )
    at_once: int = Field(default=8, ge=1, le=64)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def worker_regions(self) -> tuple[str, ...]:
        """Where workers may be, and are looked for: the regions and that of `region`; empty: every one."""
        return tuple(dict.fromkeys((*self.regions, self.region))) if self.regions else ()


def read_config(document: Mapping[str, Any], *, where: str = "", lines: Mapping[str, int] | None = None) -> CloudConfig:
    """
    Return the configuration that *document* says.

    Args:
        where: The file, for faults.
        lines: Dotted path -> one-based line of the file.

    Raises:
        InvalidDocuments: Every fault of it.
    """
    try:
        return CloudConfig.model_validate(dict(document))
    except ValidationError as error:
        raise InvalidDocuments.of(config_faults(CloudConfig, error, document, where=where, lines=lines)) from error


def check_options(model: type[BaseModel], config: CloudConfig) -> Any:
    """
    Return the options of *config* as a *model*: what a strategy knows beside the fields of all.

    Raises:
        InvalidDocuments: Every fault of them.
    """
    try:
        return model.model_validate(config.options)
    except ValidationError as error:
        where = f"cloud {config.name}, options"
        raise InvalidDocuments.of(config_faults(model, error, config.options, where=where)) from error


def config_faults(
    model: type[BaseModel],
    error: ValidationError,
    document: Mapping[str, Any],
    *,
    where: str = "",
    lines: Mapping[str, int] | None = None,
) -> list[Fault]:
    """Return one fault per finding of *error*, in a person's words."""
    known = lines or {}
    name = document.get("name")
    subject = f"cloud {name}" if isinstance(name, str) else "" if known else where
    return [_fault(model, dict(one), subject, where if known else "", known) for one in error.errors(include_url=False)]


def _fault(
    model: type[BaseModel], detail: Mapping[str, Any], subject: str, file: str, lines: Mapping[str, int]
) -> Fault:
    location = [str(part) for part in detail["loc"]]
    path = ".".join(location)
    line = lines.get(path) or lines.get("", 0)
    message, allowed, near = str(detail["msg"]).removeprefix("Value error, "), (), None
    if detail["type"] == "extra_forbidden":
        allowed = tuple(model.model_fields)  # type: ignore[assignment]
        message, near = f"there is no field {location[-1]!r} here.", closest(location[-1], allowed)
    elif detail["type"] == "missing":
        message = f"the field {location[-1]!r} is missing."
    return Fault(message, subject, path, file, line, allowed, near)
