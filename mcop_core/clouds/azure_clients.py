"""EDGE Azure's SDK: its clients, made of a configuration and credentials when they are first asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mcop_core.clouds import sdk
from mcop_core.clouds.config import CloudConfig

_PUBLIC_CLOUD = "https://management.azure.com"


class AzureOptions(BaseModel):
    """
    What only Azure has.

    Attributes:
        subscription: Empty: as the credentials say (`subscriptionId`).
        resource_group: Where workers are made and looked for; it must be there.
        subnet: Of workers, `network/subnet` in the resource group, or its whole id; `{region}` stands for the region.
        admin: Login of workers, for which their SSH key is.
        kubelogin: How `kubelogin` gets tokens.
        authority: Of Entra ID, for clouds other than the public one.
        ca_file: PEM of who signed the endpoint's certificate; empty: the usual ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subscription: str = ""
    resource_group: Annotated[str, Field(pattern=r"^[-\w.()]{0,90}$")] = ""
    subnet: str = ""
    admin: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")] = "mcop"
    kubelogin: Literal["azurecli", "devicecode", "interactive", "msi", "spn", "workloadidentity"] = "azurecli"
    authority: str = ""
    ca_file: str = ""


@dataclass
class AzureClients:
    """Azure's clients, each made when it is first asked: all of them together take seconds to import."""

    config: CloudConfig
    options: AzureOptions
    credentials: Mapping[str, str] = field(repr=False)
    subscription: str

    @cached_property
    def compute(self) -> Any:
        """Machines, quotas and SSH keys."""
        return self._client("azure.mgmt.compute", "ComputeManagementClient", self.subscription)

    @cached_property
    def network(self) -> Any:
        """Network interfaces and public addresses."""
        return self._client("azure.mgmt.network", "NetworkManagementClient", self.subscription)

    @cached_property
    def containers(self) -> Any:
        """Managed clusters."""
        return self._client("azure.mgmt.containerservice", "ContainerServiceClient", self.subscription)

    @cached_property
    def subscriptions(self) -> Any:
        """Locations."""
        return self._client("azure.mgmt.resource.subscriptions", "SubscriptionClient")

    def _client(self, module: str, name: str, *subscription: str) -> Any:
        endpoint = self.config.endpoint or _PUBLIC_CLOUD
        scopes = [f"{endpoint.rstrip('/')}/.default"]
        made = getattr(sdk.load(module, extra="azure"), name)
        return made(self._credential, *subscription, base_url=endpoint, credential_scopes=scopes, **self._manners)

    @cached_property
    def _credential(self) -> Any:
        identity = sdk.load("azure.identity", extra="azure")
        where: dict[str, Any] = {"authority": self.options.authority} if self.options.authority else {}
        held = self.credentials
        if not held.get("login"):
            return identity.DefaultAzureCredential(**where, **self._manners)
        # The authority is the one that is configured: it is asked for the tenant and nobody is asked about it.
        where |= {"disable_instance_discovery": True} if where else {}
        return identity.ClientSecretCredential(
            held["tenantId"], held["login"], held["password"], **where, **self._manners
        )

    @property
    def _manners(self) -> dict[str, Any]:
        """How every call is made: once, and for so long."""
        timeout_s = self.config.timeout_s
        trusted = {"connection_verify": self.options.ca_file} if self.options.ca_file else {}
        return {"retry_total": 0, "connection_timeout": timeout_s, "read_timeout": timeout_s, **trusted}
