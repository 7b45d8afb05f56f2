"""Many small tasks at once: who gets how many of them."""

import time

from airflow.sdk import DAG, Param, task

with DAG("many", schedule=None, catchup=False, max_active_tasks=64, params={"count": Param(1000, type="integer")}):

    @task
    def numbers(params: dict[str, int]) -> list[int]:
        return list(range(params["count"]))

    @task
    def one(number: int) -> None:
        time.sleep(0.05)

    one.expand(number=numbers())
