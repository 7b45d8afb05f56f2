"""The Airflow side of the house, and the only package that imports airflow: `DeploymentPlan` in, DAG out."""
