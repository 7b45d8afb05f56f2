"""
The tasks of `mcop_inventory`: find the places, look at each region of each cloud, report, and check health.

What one look found lies in the artifact store; its key and its numbers pass on as one XCom.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.clouds_conf import CLOUDS_KEY, check_inventory_conf
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.notifying import open_notifier
from mcop_core.bootstrap import open_fleet, open_store
from mcop_core.errors import McopError, StoredObjectMissing
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from mcop_core.clouds.answers import Failure
    from mcop_core.clouds.health import Change, Health
    from mcop_core.machines import Entry

FIND, LOOK, REPORT, HEALTH = "find", "look", "report", "health"
"""Task ids."""
INVENTORY = Asset(name="mcop_inventory", uri="mcop://inventory")
"""What a DAG may wait for that is to run after each inventory; its event says where the inventory lies."""
NOTIFIED_KEY = "mcop_clouds"
"""Key of the context under which a notifier finds what changed."""
_PREFIX = "inventory/"
_HEALTH = "inventory/health.json"
_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


def schedule() -> str | None:
    """Return when the DAG runs by itself, cron; None for never, and where no cloud is configured."""
    settings = Settings.from_environment(os.environ)
    return settings.inventory_schedule or None if settings.clouds else None


class FindPlacesOperator(BaseOperator):
    """
    Say which regions of which clouds are looked at, those of the run's conf or all.

    A cloud that does not answer gets one look, which tells why. No field is templated.
    """

    template_fields = ()

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return cloud and region of each look; an empty region stands for all of that cloud."""
        from mcop_core.clouds.listing import list_scopes, region_names
        from mcop_core.clouds.patience import Pace

        found: list[dict[str, str]] = []
        with final_unless_unreachable():
            check_inventory_conf(context["dag_run"].conf)
            fleet = open_fleet(Settings.from_environment(os.environ), os.environ)
            names = fleet.chosen((context["dag_run"].conf or {}).get(CLOUDS_KEY) or ())
        for name in names:
            try:
                strategy = fleet.open(name)
                scopes = list_scopes(strategy, region_names(strategy, Pace()))
            except McopError as error:
                self.log.error("cloud %s: %s", name, error)
                scopes = (None,)
            found += [{"cloud": name, "region": scope or ""} for scope in scopes]
        return found


class LookOperator(BaseOperator):
    """
    Look at the instances and clusters of one region, or of all of a cloud that lists them at once.

    A cloud that does not answer is asked again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, *, cloud: str, region: str, **kwargs: Any) -> None:
        super().__init__(**{**_RETRIES, **kwargs})
        self.cloud, self.region = cloud, region

    def execute(self, context: Context) -> dict[str, Any]:
        """Keep what is there in the artifact store; return its key and its numbers."""
        from mcop_core.clouds.context import CloudContext
        from mcop_core.clouds.documents import document, made_by
        from mcop_core.clouds.strategy import Capability

        settings = Settings.from_environment(os.environ)
        regions = [self.region] if self.region else []
        with final_unless_unreachable():
            strategy = open_fleet(settings, os.environ).open(self.cloud)
            asked = CloudContext(strategy)
            instances = asked.list_instances(regions)
            has_clusters = Capability.CLUSTERS in strategy.capabilities
            clusters = asked.list_clusters(regions) if has_clusters else None
            failures = [*instances.failures, *(clusters.failures if clusters else ())]
            if failures:
                raise failures[0].error
            listed = [{**document(one), "made_by": made_by(one, strategy.config)} for one in instances.found]
            described = [document(one) for one in clusters.found] if clusters else []
            key = f"{_PREFIX}{context['dag_run'].run_id}/{self.cloud}/{self.region or 'all'}.json"
            open_store(settings.artifact_store).put(key, _json({"instances": listed, "clusters": described}))
        numbers = {"instances": len(listed), "clusters": len(described)}
        self.log.info("%s/%s: %s", self.cloud, self.region or "all", numbers)
        return {"cloud": self.cloud, "region": self.region, "key": key, **numbers}


class ReportOperator(BaseOperator):
    """
    Put together what all looks found, hold it against what is deployed, and tell whoever waits for the asset.

    The states of all deployed components are read once, here, whatever the number of looks. One that cannot be read is
    named and fails nothing: what it deployed shows by its tags. It fails where a look did, after it has written down
    the others'. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[INVENTORY], **{**_RETRIES, **kwargs})

    def execute(self, context: Context) -> str:
        """Write the entries and the summary into the artifact store, and return the summary's key."""
        places = context["ti"].xcom_pull(task_ids=FIND)
        if places is None:
            raise AirflowFailException("which clouds there are could not be told")
        looks = context["ti"].xcom_pull(task_ids=LOOK, map_indexes=list(range(len(places)))) if places else []
        found = [look for look in looks or () if look]
        seen = {(look["cloud"], look["region"]) for look in found}
        missed = [place for place in places if (place["cloud"], place["region"]) not in seen]
        folder = f"{_PREFIX}{context['dag_run'].run_id}"
        with final_unless_unreachable():
            held, unread = self._held(found, places, missed)
            store = open_store(Settings.from_environment(os.environ).artifact_store)
            store.put(f"{folder}/entries.json", _json([asdict(one) for one in held]))
            summary = {
                "looks": found,
                "not_answered": missed,
                "entries": f"{folder}/entries.json",
                "standings": _counted(held),
                "missing": [{"id": one.id, "made_by": one.made_by} for one in held if one.standing == "missing"],
                "not_read": [one.to_json() for one in unread],
            }
            store.put(f"{folder}/summary.json", _json(summary))
        self._tell(context, f"{folder}/summary.json", summary)
        if missed:
            told = ", ".join("/".join(filter(None, (place["cloud"], place["region"]))) for place in missed)
            raise AirflowFailException(f"{len(missed)} of {len(places)} could not be looked at: {told}")
        return f"{folder}/summary.json"

    def _held(
        self,
        found: Sequence[Mapping[str, Any]],
        places: Sequence[Mapping[str, str]],
        missed: Sequence[Mapping[str, str]],
    ) -> tuple[tuple[Entry, ...], tuple[Failure, ...]]:
        """Return what the looks *found* held against all deployed states, and what of these could not be read."""
        from mcop_core.clouds.documents import instance_of
        from mcop_core.machines import deployed_machines, entries, what_was_seen

        settings = Settings.from_environment(os.environ)
        store = open_store(settings.artifact_store)
        listed = [
            (instance_of(one), one["made_by"])
            for look in found
            for one in json.loads(store.get(look["key"]).data)["instances"]
        ]
        asked = {place["cloud"] for place in places}
        unanswered = [(place["cloud"], place["region"]) for place in missed]
        seen = what_was_seen(open_fleet(settings, os.environ).configs.values(), asked, unanswered)
        machines = deployed_machines(store, open_store)
        return entries(listed, machines.found, seen), machines.failures

    def _tell(self, context: Context, key: str, summary: Mapping[str, Any]) -> None:
        """Log the *summary* that lies under *key*, and have the asset's event say its numbers."""
        for one in summary["not_read"]:
            self.log.warning("%s is deployed and cannot be read: %s", one["what"], one["message"])
        for one in summary["missing"]:
            self.log.warning("missing: %s, %s", one["id"], one["made_by"])
        looks = summary["looks"]
        numbers = {
            **{name: sum(look[name] for look in looks) for name in ("instances", "clusters")},
            **summary["standings"],
            **{name: len(summary[name]) for name in ("not_answered", "not_read")},
        }
        self.log.info("%s in %d looks", numbers, len(looks))
        context["outlet_events"][INVENTORY].extra = {"key": key, **numbers}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _counted(held: Sequence[Entry]) -> dict[str, int]:
    """Return how many stand how, `cannot_be_told` for what cannot be told."""
    from mcop_core.machines import MachineStanding

    return {
        str(standing).replace(" ", "_"): sum(one.standing is standing for one in held) for standing in MachineStanding
    }


class HealthOperator(BaseOperator):
    """
    Check every cloud and region once, and notify of what changed since the last check; the run keeps what was found.

    A cloud that is down is a finding and fails nothing. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**_RETRIES, **kwargs})

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was found, and keep it for the next check."""
        from mcop_core.clouds.health import changes, check_clouds, health_of

        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            fleet = open_fleet(settings, os.environ)
            names = fleet.chosen((context["dag_run"].conf or {}).get(CLOUDS_KEY) or ())
            store = open_store(settings.artifact_store)
            try:
                before = [health_of(one) for one in json.loads(store.get(_HEALTH).data)]
            except StoredObjectMissing:
                before = []
            strategies, unopened = self._opened(fleet, names)
            found = (*check_clouds(strategies), *unopened)
            changed = changes(before, found)
            kept = [one for one in before if one.cloud not in names] + list(found)
            store.put(_HEALTH, json.dumps([one.to_json() for one in kept]).encode())
            self._tell(context, settings, found, changed)
        return [one.to_json() for one in found]

    def _opened(self, fleet: Any, names: Sequence[str]) -> tuple[list[Any], list[Health]]:
        """Return the strategies of *names*, and the health of those whose credentials cannot even be read."""
        from datetime import UTC, datetime

        from mcop_core.clouds.health import Health, Verdict

        strategies, unopened = [], []
        for name in names:
            try:
                strategies.append(fleet.open(name))
            except McopError as error:
                provider, at = fleet.configs[name].provider, datetime.now(UTC)
                unopened.append(Health(name, provider, "", Verdict.FAILED, None, at, (), error.message))
        return strategies, unopened

    def _tell(self, context: Context, settings: Settings, found: Sequence[Health], changed: Sequence[Change]) -> None:
        for one in found:
            self.log.info("%s/%s: %s %s", one.cloud, one.region or "all", one.verdict, one.detail)
        notifier = open_notifier(settings.clouds_notifier)
        if changed:
            text = "\n".join(str(one) for one in changed)
            self.log.warning("changed: %s", text)
            if notifier:
                notifier({**context, NOTIFIED_KEY: text})
