from tests.plugins import airflow_home  # noqa: F401  # sets AIRFLOW_HOME before anything imports airflow
