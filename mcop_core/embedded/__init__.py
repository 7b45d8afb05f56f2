"""The embedded stack: an emulator and Airflow as processes on this machine, for a first hour and for tests."""
