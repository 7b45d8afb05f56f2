"""
What a provider says of its types of resources, and the part of it that one root has to know. Pure.

A large provider describes 1,500 types in 5 MB, and each Terraform command decodes and checks all of them: 1.2 CPU s
with AWS's, for a root that names three. Terraform looks a type up by its name alone, so that nothing is missed where
those are left out which no file names.

Source: github.com/hashicorp/terraform, docs/plugin-protocol/tfplugin5.proto and tfplugin6.proto,
`GetProviderSchema.Response`, which are the same in what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

_BY_TYPE = (2, 3)
"""The fields of resources and data sources, each a map from a type's name to what is said of it."""
_DIAGNOSTICS, _CAPABILITIES = 4, 6
_NAME = 1
_SCHEMA_OPTIONAL = b"\x10\x01"
"""The capability `get_provider_schema_optional`, which is field 2, set."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WORD = re.compile(rb"\w+")
_ESCAPED_WORD = re.compile(rb"\\[uU](?:0000)?00[3-7]")


@dataclass(frozen=True, slots=True)
class ProviderSchema:
    """
    A provider's answer, taken apart.

    Attributes:
        general: Its fields that belong to no type, as they came.
        types: Name of a type -> its fields, as they came.
        is_optional: Whether the provider works without being asked for it, and had nothing to report when it was.
    """

    general: bytes
    types: Mapping[bytes, bytes]
    is_optional: bool = False

    @classmethod
    def parse(cls, answer: bytes) -> ProviderSchema:
        """Take *answer* apart; one that is no such message is all general."""
        general, types = [], dict[bytes, bytes]()
        try:
            fields = list(_fields(answer))
            for number, value, whole in fields:
                if number in _BY_TYPE:
                    name = next(inner for key, inner, _ in _fields(value) if key == _NAME)
                    types[name] = types.get(name, b"") + whole
                else:
                    general.append(whole)
            return cls(b"".join(general), types, _is_optional(fields))
        except (IndexError, StopIteration, ValueError):
            return cls(answer, {})

    @property
    def whole(self) -> bytes:
        """The answer as it came, but for the order of its fields, which means nothing."""
        return self.general + b"".join(self.types.values())

    def of(self, names: Container[bytes]) -> bytes:
        """Return the answer of a provider that has no other types than *names*."""
        return self.general + b"".join(fields for name, fields in self.types.items() if name in names)


def words_in(configuration: Iterable[bytes], states: Iterable[bytes]) -> frozenset[bytes] | None:
    """Return every word that can name a type in these files; None if one may be written in another way."""
    found: set[bytes] = set()
    for text in configuration:
        if _ESCAPED_WORD.search(text):
            return None
        found.update(_WORD.findall(text))
    for text in states:
        found.update(_WORD.findall(text))
    return frozenset(found)


def _is_optional(fields: Iterable[tuple[int, bytes, bytes]]) -> bool:
    found = {number: value for number, value, _ in fields}
    told = (whole for _, _, whole in _fields(found.get(_CAPABILITIES, b"")))
    return _SCHEMA_OPTIONAL in told and _DIAGNOSTICS not in found


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """
    Yield number, value and the whole of each field of a message of Protocol Buffers.

    Raises:
        ValueError, IndexError: It is none.
    """
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        size = {_FIXED64: 8, _FIXED32: 4}.get(key & 7, 0)
        if key & 7 == _BYTES:
            size, at = _varint(message, at)
        elif key & 7 == _VARINT:
            _, at = _varint(message, at)
        elif not size:
            raise ValueError(key)
        if at + size > len(message):
            raise ValueError(size)
        yield key >> 3, message[at : at + size], message[begin : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        part = message[at]
        value, shift, at = value | (part & 0x7F) << shift, shift + 7, at + 1
        if part < 0x80:
            return value, at
