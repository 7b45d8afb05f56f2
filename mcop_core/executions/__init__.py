"""Executions: Airflow's records in, `ExecutionRecord` out."""
