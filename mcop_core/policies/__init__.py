"""Policies: a folder of them and a redacted preview in, verdicts out. Knows nothing of engines, plans or Airflow."""
