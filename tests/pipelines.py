"""The documents of one Jenkins pipeline, `release`: adapter, primitive, and the pattern `delivery` of it alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.jenkins_server import USERNAME

TOKEN_IN = "secret://env/JENKINS_TOKEN"
"""Where the adapter finds the controller's token if nothing else is said."""
RELEASE = """\
kind: primitive
name: release
version: 1.0.0
provider: ci
primitive_type: jenkins
source: templates/release
"""
DELIVERY = """\
kind: pattern
name: delivery
version: 1.0.0
provider: ci
primitive_type: jenkins
parameters: %s
elements: {release: {primitive: release, version: 1.0.0, inputs: %s}}
"""
ADAPTER = """\
kind: adapter
name: ci
version: 1.0.0
provider: ci
primitive_type: jenkins
engine: jenkins
settings:
  configuration: %s
  credentials: {token: "%s"}
"""


def adapter(url: str, *, token: str = TOKEN_IN, **configuration: Any) -> str:
    """Return the document of the adapter to the controller at *url*; jobs lie in its folder `mcop` if none is said."""
    usual = {"url": url, "username": USERNAME, "folder": "mcop"}
    return ADAPTER % (json.dumps({**usual, **configuration}), token)


def delivery(parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Return the document of the pattern, with its parameters and what `release` gets of them."""
    return DELIVERY % (json.dumps(parameters), json.dumps(inputs))


def joined(*documents: str) -> str:
    """Return one YAML file of several documents."""
    return "---\n".join(documents)


def write_catalog(folder: Path, documents: str, templates: Mapping[str, str]) -> Path:
    """Write a catalog and return its folder; *templates* has the text of each file below `templates`, by path."""
    files = {"catalog.yaml": documents, **{f"templates/{path}": text for path, text in templates.items()}}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
