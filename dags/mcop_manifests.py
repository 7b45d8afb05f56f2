"""
The DAG factory's one file: in a plain DAGs folder it builds the DAG of every manifest in the live catalog.

Where a CatalogBundle is configured this airflow folder stands aside: the bundle brings a dag file for each manifest.
"""

from mcop_airflow.live import plain_folder_dags

globals().update(plain_folder_dags())
