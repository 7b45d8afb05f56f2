"""A small Airflow in memory: the part of its REST API that MCOP uses, with its paging, its tokens and its errors."""

import json
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

import httpx

PASSWORD = "correct"


@dataclass
class FakeAirflow:
    """
    Answers as Airflow 3.3.2 was seen to.

    `failures` are raised or returned before the next requests are looked at, `instead_of_answers` after a run was
    started; `expire` makes every token so far invalid; `asked` counts method and path of every request. `runners` are
    the steps at work, by execution.
    """

    dags: dict = field(default_factory=dict)
    params: dict = field(default_factory=dict)
    runs: list = field(default_factory=list)
    instances: dict = field(default_factory=dict)
    xcoms: dict = field(default_factory=dict)
    logs: dict = field(default_factory=dict)
    import_errors: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    asked: Counter = field(default_factory=Counter)
    token: int = 0
    instead_of_answers: Exception | int | None = None
    has_plugin: bool = True
    runners: dict = field(default_factory=dict)
    forced: list = field(default_factory=list)

    def expire(self):
        self.token += 1

    def __call__(self, request):
        self.asked[request.method, request.url.path] += 1
        if self.failures:
            return self._fail(self.failures.pop(0))
        answer = self._answer(request)
        if self.instead_of_answers and request.method == "POST" and "dagRuns" in request.url.path:
            return self._fail(self.instead_of_answers)
        return answer

    def _fail(self, failure):
        if isinstance(failure, Exception):
            raise failure
        return httpx.Response(failure, json={"detail": "come back later"})

    def _answer(self, request):
        raw = request.url.raw_path.decode().partition("?")[0]
        parts = [unquote(part) for part in raw.strip("/").split("/")]
        query = {
            name: values[0] for name, values in parse_qs(request.url.query.decode(), keep_blank_values=True).items()
        }
        if parts == ["auth", "token"]:
            return self._login(json.loads(request.content))
        if parts == ["api", "v2", "monitor", "health"]:
            return ok({"scheduler": {"status": "healthy"}, "triggerer": {"status": None}})
        if request.headers.get("Authorization") != f"Bearer token-{self.token}":
            return refused(401, "Invalid JWT token")
        if parts[:3] == ["mcop", "api", "v1"]:
            return self._plugin(parts[3:], json.loads(request.content))
        return self._resource(request, parts[2:], query)

    def _login(self, body):
        if body["password"] != PASSWORD:
            return refused(401, "Invalid credentials")
        return httpx.Response(201, json={"access_token": f"token-{self.token}"})

    def _resource(self, request, parts, query):
        match parts:
            case ["version"]:
                return ok({"version": "3.3.2"})
            case ["importErrors"]:
                return page("import_errors", self.import_errors, query)
            case ["dags"]:
                prefix = query.get("dag_id_prefix_pattern", "")
                found = [dag for name, dag in sorted(self.dags.items()) if name.startswith(prefix)]
                return page("dags", found, query)
            case ["dags", "~", "dagRuns"]:
                return self._runs(self.runs, query)
            case ["dags", "~", "dagRuns", "~", "taskInstances", "list"]:
                return self._tasks(json.loads(request.content))
            case ["dags", dag_id, *_] if dag_id not in self.dags:
                return refused(404, f"The Dag with ID: `{dag_id}` was not found")
            case ["dags", dag_id]:
                return ok(self.dags[dag_id])
            case ["dags", dag_id, "details"]:
                return ok({**self.dags[dag_id], "params": self.params.get(dag_id, {})})
            case ["dags", dag_id, "tasks"]:
                return ok({"tasks": self.dags[dag_id]["tasks"]})
            case ["dags", dag_id, "dagRuns"] if request.method == "POST":
                return self._trigger(dag_id, json.loads(request.content))
            case ["dags", dag_id, "dagRuns"]:
                return self._runs([run for run in self.runs if run["dag_id"] == dag_id], query)
            case ["dags", dag_id, "dagRuns", run_id, *rest]:
                return self._run(request, dag_id, run_id, rest, query)
        return refused(404, "Not Found")

    def _plugin(self, parts, body):
        if not self.has_plugin:
            return refused(404, "Not Found")
        execution = "/".join(parts[1:3])
        if parts[3] == "force-stop":
            self.forced.append((execution, body["confirm"]))
        return ok({"steps": self.runners.get(execution, [])})

    def _runs(self, runs, query):
        prefix = query.get("dag_id_prefix_pattern", "")
        runs = [run for run in runs if run["dag_id"].startswith(prefix)]
        runs = [run for run in runs if run["run_after"] < query.get("run_after_lt", "9999")]
        newest_first = sorted(runs, key=lambda run: run["run_after"], reverse=True)
        start = int(query["cursor"] or 0)
        size = min(int(query["limit"]), 100)
        following = start + size
        cursor = str(following) if following < len(newest_first) else None
        return ok({"dag_runs": newest_first[start:following], "next_cursor": cursor})

    def _tasks(self, body):
        runs = [run for run in self.runs if run["dag_run_id"] in body["dag_run_ids"]]
        found = [
            {**task, "dag_id": run["dag_id"], "dag_run_id": run["dag_run_id"]}
            for run in runs
            for task in self.instances.get(run["dag_run_id"], [])
            if task["state"] in body["state"]
        ]
        return page("task_instances", found, {"offset": body["page_offset"], "limit": body["page_limit"]})

    def _trigger(self, dag_id, body):
        if "logical_date" not in body:
            missing = [{"type": "missing", "loc": ["body", "logical_date"], "msg": "Field required", "input": body}]
            return refused(422, missing)
        if any(run["dag_run_id"] == body["dag_run_id"] for run in self.runs):
            return refused(409, {"reason": "Unique constraint violation", "statement": "hidden"})
        if body["conf"].get("env") == "qa":
            return refused(400, "Invalid input for param env: 'qa' is not one of ['dev']\n\nFailed validating 'enum'")
        run = make_run(dag_id, body["dag_run_id"], len(self.runs), conf=body["conf"], note=body["note"])
        self.runs.append(run)
        return ok(run)

    def _patch(self, run, body):
        run.update(body)
        for instance in self.instances.get(run["dag_run_id"], []):
            active = instance["state"] in ("running", "deferred", "up_for_reschedule", "awaiting_input")
            if active or instance["state"] in (None, "queued", "scheduled", "up_for_retry"):
                instance["state"] = "failed" if active else "skipped"
        return ok(run)

    def _run(self, request, dag_id, run_id, rest, query):
        run = next((run for run in self.runs if (run["dag_id"], run["dag_run_id"]) == (dag_id, run_id)), None)
        if run is None:
            return refused(404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found")
        match rest:
            case [] if request.method == "PATCH":
                return self._patch(run, json.loads(request.content))
            case []:
                return ok(run)
            case ["taskInstances"]:
                return page("task_instances", self.instances.get(run_id, []), query)
            case ["taskInstances", "~", "xcomEntries"]:
                tasks = [(task, found) for (run, task), found in self.xcoms.items() if run == run_id]
                return page("xcom_entries", [{"task_id": t, "key": key} for t, found in tasks for key in found], query)
            case ["taskInstances", task, "xcomEntries"]:
                return page("xcom_entries", [{"key": key} for key in self.xcoms.get((run_id, task), {})], query)
            case ["taskInstances", task, "xcomEntries", key]:
                return ok({"key": key, "value": self.xcoms[run_id, task][key]})
            case ["taskInstances", task, "logs", attempt]:
                lines = self.logs.get((run_id, task, int(attempt)))
                return httpx.Response(200, text="\n".join(lines)) if lines else refused(404, "TaskInstance not found")
        return refused(404, "Not Found")


def ok(document):
    return httpx.Response(200, json=document)


def refused(status, detail):
    return httpx.Response(status, json={"detail": detail})


def page(name, entries, query):
    start, size = int(query.get("offset", 0)), min(int(query.get("limit", 50)), 100)
    return ok({name: entries[start : start + size], "total_entries": len(entries)})


def make_dag(dag_id, tasks=None, **facts):
    return {
        "dag_id": dag_id,
        "is_paused": False,
        "is_stale": False,
        "bundle_version": None,
        "tags": [],
        "tasks": [{"task_id": task, "downstream_task_ids": after} for task, after in (tasks or {}).items()],
        **facts,
    }


def make_run(dag_id, run_id, number=0, **facts):
    moment = f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
    return {
        "dag_id": dag_id,
        "dag_run_id": run_id,
        "run_after": moment,
        "queued_at": moment,
        "start_date": None,
        "end_date": None,
        "state": "queued",
        "triggering_user_name": "admin",
        "bundle_version": None,
        "conf": {},
        **facts,
    }


def make_instance(task_id, state=None, start=None, end=None, attempts=0):
    return {"task_id": task_id, "state": state, "start_date": start, "end_date": end, "try_number": attempts}
