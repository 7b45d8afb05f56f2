"""A page of what a folder's documents take and give."""

from pathlib import Path

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.errors import InvalidDocuments
from mcop_core.publishing.reference import read_described, reference
from mcop_core.settings import Settings

DOCUMENTS = """
kind: interface
name: bucket
version: 1.0.0
description: A place for objects.
inputs:
  name: {type: string, description: Its name.}
  days: {type: number, required: false, description: How long.}
outputs:
  url: {description: Where it is.}
---
kind: primitive
name: box
version: 1.1.0
description: |-
  Keeps things,
  in order.
provider: local
primitive_type: terraform
source: templates/box
implements: {bucket: "~> 1.0"}
---
kind: pattern
name: boxes
version: 2.0.0
description: Two of them.
provider: local
primitive_type: terraform
parameters:
  name: {type: string, description: "One | the other."}
  days: {type: number, default: 7}
elements:
  one: {interface: bucket, version: "~> 1.0", inputs: {name: "${name}", days: "${days}"}}
  two: {primitive: box, version: 1.1.0, inputs: {name: "${name}"}}
"""
MODULE = """
variable "name" {
  type        = string
  description = "Its name."
}
variable "days" {
  type        = number
  default     = 30
  description = "How long."
}
variable "shape" {
  type      = object({
    wide = optional(bool, false)
  })
  default   = null
  sensitive = true
}
output "url" {
  value       = var.name
  description = "Where it is."
}
"""
PAGE = """\
# What there is

## Interfaces

### bucket 1.0.0

A place for objects.

Implemented by box (local).

| takes | type | default |  |
| --- | --- | --- | --- |
| `days` | `number` | the primitive's own | How long. |
| `name` | `string` | required | Its name. |

| gives |  |
| --- | --- |
| `url` | Where it is. |

## Primitives: local

### box 1.1.0

Keeps things, in order.

Implements bucket ~> 1.0.

| takes | type | default |  |
| --- | --- | --- | --- |
| `days` | `number` | `30` | How long. |
| `name` | `string` | required | Its name. |
| `shape` | `object({wide = optional(bool, false)})` | `null` | Sensitive. |

| gives |  |
| --- | --- |
| `url` | Where it is. |

## Patterns

### boxes 2.0.0

Two of them.

Elements: one (bucket ~> 1.0), two (box 1.1.0).

| takes | type | default |  |
| --- | --- | --- | --- |
| `days` | `number` | `7` |  |
| `name` | `string` | required | One \\| the other. |
"""


def described(folder: Path, module: str):
    (folder / "templates" / "box").mkdir(parents=True)
    (folder / "all.yaml").write_text(DOCUMENTS)
    (folder / "templates" / "box" / "main.tf").write_text(module)
    return read_described(folder, lambda name: open_engine(name, Settings()))


def test_a_page_says_what_each_takes_and_gives(tmp_path):
    """Of a primitive as its files say it, of the others as they are written."""
    assert reference(described(tmp_path, MODULE), "What there is") == PAGE


def test_files_that_cannot_be_read_are_told(tmp_path):
    """No page is half of one."""
    with pytest.raises(InvalidDocuments, match=r"main\.tf"):
        described(tmp_path, 'variable "x" {')
