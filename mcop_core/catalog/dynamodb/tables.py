"""The tables' definitions, in one file for the embedded stack, the tests and the Terraform of an account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcop_core.catalog.dynamodb.items import Table
from mcop_core.errors import StoredObjectMissing

_PACKAGED = Path(__file__).parent / "tables.json"
_CHECKOUT = Path(__file__).parents[3] / "include" / "dynamodb" / "tables.json"


def definitions() -> dict[Table, dict[str, Any]]:
    """
    Return the arguments of `create_table` for both tables, but for their names.

    Read from `include/dynamodb/tables.json` of the checkout, or from the copy that a built package carries.
    """
    for path in (_CHECKOUT, _PACKAGED):
        if path.is_file():
            found = json.loads(path.read_text())
            return {table: found[table] for table in Table}
    raise StoredObjectMissing(f"neither {_CHECKOUT} nor {_PACKAGED} is there: MCOP is not installed whole", key="")


def create_tables(client: Any, objects_table: str, rules_table: str) -> None:
    """
    Create both tables and wait until they answer; a table that is there is left as it is.

    Args:
        client: boto3's low-level DynamoDB client.
    """
    names = {Table.OBJECTS: objects_table, Table.RULES: rules_table}
    for table, definition in definitions().items():
        try:
            client.create_table(TableName=names[table], **definition)
        except client.exceptions.ResourceInUseException:
            continue
    for name in names.values():
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
