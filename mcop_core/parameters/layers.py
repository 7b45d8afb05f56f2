"""The layers that may set a value, in the order in which they win."""

from __future__ import annotations

from enum import StrEnum


class Layer(StrEnum):
    """
    Where a value comes from; a later one wins over an earlier one.

    Source: design, section 4, "Precedence".
    """

    PRIMITIVE_DEFAULT = "primitive default"
    PATTERN_DEFAULT = "pattern default"
    PATTERN_ELEMENT = "pattern element"
    WORKFLOW = "workflow"
    MANIFEST_CONFIGURATION = "manifest configuration"
    MANIFEST_OVERRIDE = "manifest override"
    RUN_OVERRIDE = "run override"

    @property
    def rank(self) -> int:
        """0 for the weakest."""
        return tuple(Layer).index(self)

    def beats(self, other: Layer) -> bool:
        """Whether a value of this layer stands where *other* has one too."""
        return self.rank > other.rank
