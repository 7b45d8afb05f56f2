"""
The states of many elements as one, each under the name that its module has in the merged root; pure.

It relies on Terraform's state format 4: `module`, `provider` and `dependencies` of a resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.folders import OWN, renamed_in
from mcop_core.engines.terraform.provider_block import split_source
from mcop_core.errors import StateConflict

LINEAGE = "mcop-preview"
_PROVIDER = re.compile(r'(?P<module>.*?)provider\["(?P<source>[^"]+)"\](?P<alias>\..+)?')


@dataclass(frozen=True, slots=True)
class Placed:
    """
    Where an element stands.

    Attributes:
        step: `workflow.pattern.element`.
        old: `module.<name>` in the root of its own.
        new: `module.<name>` in the merged root.
        source: Namespace and type of the provider that is configured for it; empty if none is.
        alias: That provider's in the merged root.
        folder: Of its module in the merged root; empty if the module does not say where its files lie.
    """

    step: str
    old: str
    new: str
    source: tuple[str, ...] = ()
    alias: str = ""
    folder: str = ""

    def address(self, address: str) -> str:
        """
        Return *address* as it is in the merged root.

        Raises:
            StateConflict: It is not inside of the element's module.
        """
        if address != self.old and not address.startswith(f"{self.old}."):
            raise StateConflict(
                f"the state of {self.step} holds {address or 'a resource'} outside of {self.old}", step=self.step
            )
        return self.new + address.removeprefix(self.old)

    def paths(self, value: Any) -> Any:
        """Return *value* with the paths of the module's files as they are in the merged root."""
        return renamed_in(value, [OWN], self.folder) if self.folder else value

    def provider(self, text: str) -> str:
        """Return a resource's provider as it is in the merged root."""
        found = _PROVIDER.fullmatch(text)
        if found and found["module"]:
            return self.address(found["module"].rstrip(".")) + "." + text[len(found["module"]) :]
        is_own = found and not found["alias"] and self.alias and split_source(found["source"])[1:] == self.source
        return f"{text}.{self.alias}" if is_own else text


class JoinedState:
    """Collects the resources and outputs of many states."""

    def __init__(self) -> None:
        self._resources: list[dict[str, Any]] = []
        self._outputs: dict[tuple[str, str], Any] = {}

    def add(self, place: Placed, state: StateFile) -> None:
        """
        Add the state of the element at *place*.

        Raises:
            StateConflict: It holds what the element's root cannot have made.
        """
        self._resources += [_placed(resource, place) for resource in state.document.get("resources") or []]
        self._outputs |= {(place.step, name): place.paths(dict(output)) for name, output in state.outputs.items()}

    def to_json(self, names: Mapping[str, tuple[str, str]]) -> bytes:
        """Return the state as Terraform reads it; *names*: output of the root -> (step, output)."""
        outputs = {name: self._outputs[key] for name, key in names.items() if key in self._outputs}
        document = {"version": 4, "serial": 1, "lineage": LINEAGE, "outputs": outputs, "resources": self._resources}
        return json.dumps(document).encode()


def _placed(resource: Mapping[str, Any], place: Placed) -> dict[str, Any]:
    return {
        **resource,
        "module": place.address(str(resource.get("module", ""))),
        "provider": place.provider(str(resource.get("provider", ""))),
        "instances": [_instance(instance, place) for instance in resource.get("instances") or []],
    }


def _instance(instance: Mapping[str, Any], place: Placed) -> dict[str, Any]:
    needed = [place.address(name) for name in instance.get("dependencies") or ()]
    found: dict[str, Any] = place.paths({**instance, "dependencies": needed} if needed else dict(instance))
    return found


def renamed(state: StateFile, *, step: str, old: str, new: str) -> StateFile:
    """
    Return *state*, whose root calls the module *old*, as that of a root which calls it *new*.

    What its checks came to is left out; Terraform finds it out anew.

    Args:
        step: What faults are about.

    Raises:
        StateConflict: It holds a resource outside of that module.
    """
    place = Placed(step, f"module.{old}", f"module.{new}")
    resources = [_placed(resource, place) for resource in state.document.get("resources") or []]
    return StateFile.of({**state.document, "resources": resources, "check_results": None})
