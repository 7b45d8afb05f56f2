"""What MCOP registers with Airflow: its name. Links, listeners and the portal are listed here when they come."""

from airflow.plugins_manager import AirflowPlugin


class McopPlugin(AirflowPlugin):
    """The plugin's entry in Airflow's list."""

    name = "mcop"
