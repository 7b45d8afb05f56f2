"""Who may do what, per namespace, and what that is in Airflow's words."""
