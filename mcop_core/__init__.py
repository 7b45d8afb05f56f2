"""MCOP, the Multi-Cloud Orchestration Platform: infrastructure orchestration on Apache Airflow."""

__version__ = "0.1.0"
