"""The store `env`: variables of the process that runs the engine, `secret://env/DB_PASSWORD`."""

from __future__ import annotations

from mcop_core.errors import SecretNotFound, closest
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.stores import Environment, key_of_json
from mcop_core.settings import SECRET_PREFIX


class EnvironmentStore:
    """
    The variables `MCOP_SECRET_<NAME>`; no other variable can be read, credentials of the worker least of all.

    Args:
        environment: All variables.
    """

    def __init__(self, environment: Environment) -> None:
        self._secrets = {
            name.removeprefix(SECRET_PREFIX): value
            for name, value in environment.items()
            if name.startswith(SECRET_PREFIX)
        }

    def get(self, ref: SecretRef) -> str:
        """Return the variable that `path` names; with a key, of the JSON object that it holds."""
        if ref.path not in self._secrets:
            near = closest(ref.path, self._secrets)
            raise SecretNotFound(
                f"{ref}: the worker has no variable {SECRET_PREFIX}{ref.path}."
                + (f' Did you mean "{near}"?' if near else ""),
                reference=str(ref),
            )
        return key_of_json(ref, self._secrets[ref.path])
