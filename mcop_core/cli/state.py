"""`mcop state …`: what a person does about a Terraform state that a dead worker left."""

from __future__ import annotations

from typing import Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import say
from mcop_core.cli.help import Commands

state_app = Commands(help="States, their locks and leases.")


@state_app.command("break-lease")
def break_lease_of(
    state: Annotated[str, typer.Argument(metavar="STATE", help="As the error names it: s3://bucket#key.tfstate.")],
    lease: Annotated[str, typer.Argument(metavar="LEASE", help="The lease's id, as the error names it.")],
) -> None:
    """
    Take a state's lease from a worker that is gone for certain.

    MCOP breaks a lease by itself only where it can prove its holder dead: on the same machine. After this
    the next execution takes over, and goes on from the state that the worker had shipped.

    Example: mcop state break-lease "s3://acme-state?region=us-east-1#shop/a/b/c/d.tfstate" 0f8fad5b
    """
    from mcop_core.engines.state import StateAddress
    from mcop_core.runner.lease import break_lease

    address = StateAddress.parse(state)
    break_lease(bootstrap.open_store(address.store), address.key, lease_id=lease)
    say(f"the lease {lease} on {address.key} is broken; the next execution takes over")
