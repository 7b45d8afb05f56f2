"""
EDGE boto3: the catalog in DynamoDB. Changes and addresses in, entries out; every change one transaction.

`items` says what lies in the tables, `requests` speaks to them, `staging` makes a change of any size atomic,
`reading` shows the tables as of now, `repository` joins them, `tables` creates what there is to read.
"""

from mcop_core.catalog.dynamodb.repository import DynamoDBRepository
from mcop_core.catalog.dynamodb.tables import create_tables

__all__ = ["DynamoDBRepository", "create_tables"]
