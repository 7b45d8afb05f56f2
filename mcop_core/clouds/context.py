"""
`CloudContext`: the one through whom a caller speaks to a cloud; which one does not matter.

It holds a strategy that can be swapped, and applies the rules of `lifecycle` and `creating`, the same for every cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

from mcop_core.clouds import listing
from mcop_core.clouds.answers import Answers, Failure
from mcop_core.clouds.creating import Creation, Made
from mcop_core.clouds.crowd import each
from mcop_core.clouds.lifecycle import Lifecycle
from mcop_core.clouds.models import (
    Cluster,
    ClusterLogin,
    ClusterRef,
    Instance,
    InstanceRef,
    InstanceState,
    Region,
    Worker,
)
from mcop_core.clouds.ours import best_of, is_ours, name_order, owner_tag, protection_of, worker_name
from mcop_core.clouds.patience import Pace, ask
from mcop_core.clouds.placing import Spot, WorkerRequest, spots_of
from mcop_core.clouds.strategy import Capability, CloudStrategy, Tag, require
from mcop_core.errors import Conflict, McopError, NotInCloud, UnknownName, closest

_T = TypeVar("_T")


def _no_others(name: str) -> NoReturn:
    raise UnknownName(f"there is no other cloud {name!r} in this context", name=name, known=())


class CloudContext:
    """
    Asks one cloud at a time, and any cloud alike.

    Args:
        strategy: The cloud that is asked first.
        pace: How patient it is; for tests, whose clock.
        others: Name of a configured cloud -> its strategy, for places on another cloud.
        tell: Gets a line of what is being done, for people.
    """

    def __init__(
        self,
        strategy: CloudStrategy,
        *,
        pace: Pace | None = None,
        others: Callable[[str], CloudStrategy] = _no_others,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.strategy = strategy
        self._pace = pace or Pace()
        self._others = others
        self._tell = tell

    def use(self, strategy: CloudStrategy) -> None:
        """Ask the cloud of *strategy* from now on."""
        self.strategy = strategy

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this cloud may be asked."""
        return self.strategy.capabilities

    # -- workers -----------------------------------------------------------------------------------------

    def create_workers(self, request: WorkerRequest, *, waits: bool = True) -> Answers[Made]:
        """
        See to it that the workers of *request* are there and run; those that are there already are adopted.

        Args:
            waits: Whether they are waited for; else they are only begun, and the same call later settles them.

        Raises:
            InvalidDocuments, Unsupported: The request cannot be; nothing was asked.
            NotInCloud: A cloud has no such region; nothing was made. All else is a failure of a worker.
        """
        spots = spots_of(request, self.strategy, self._others)
        self._check_regions(spots)
        creation = Creation(spots, self._pace, self.strategy.config.at_once, waits, self._tell)
        return creation.carry_out(request.names)

    def _check_regions(self, spots: Iterable[Spot]) -> None:
        """Make sure that each cloud has the regions that are other than its configured ones, as far as it answers."""
        for spot in spots:
            config = spot.strategy.config
            if spot.place.region in (config.region, *config.regions):
                continue
            try:
                listing.region_names(spot.strategy, self._pace, [spot.place.region])
            except NotInCloud:
                raise
            except McopError:
                # Where workers are looked for it is told what does not answer, and other places are tried.
                continue

    def list_workers(self, regions: Iterable[str] = ()) -> Answers[Worker]:
        """Return the workers of ours that are there, in *regions*, or in all where the cloud may have some."""
        require(self.strategy, Capability.WORKERS)
        config = self.strategy.config
        found = self._list(tuple(regions) or config.worker_regions, owner_tag(config))
        ours = (one for one in found.found if is_ours(one, self.strategy.config))
        return Answers(tuple(sorted(ours, key=_by_place)), found.failures)

    def get_worker(self, name: str, regions: Iterable[str] = ()) -> Worker:
        """
        Return the worker *name*.

        Raises:
            NotInCloud: There is none; names the nearest, and the regions that could not be asked.
        """
        there = self.list_workers(regions)
        found = [one for one in there.found if worker_name(one) == name]
        if found:
            return best_of(found)
        near = closest(name, (worker_name(one) for one in there.found))
        missed = "".join(f" Not asked: {failure}." for failure in there.failures)
        hint = f' Did you mean "{near}"?' if near else ""
        message = f"cloud {self.strategy.config.name} has no worker {name!r} of {self.strategy.config.owner}."
        raise NotInCloud(message + hint + missed, suggestion=near)

    def delete_workers(self, names: Sequence[str], *, dry_run: bool = False, waits: bool = True) -> Answers[Worker]:
        """
        Delete the workers *names*, each verified to be gone; return those that were, as they are now, or would be.

        A name that no worker has is a failure; a worker that is protected is one, too.

        Args:
            waits: Whether it is waited until they are gone; else their deletion is only asked for.
        """
        there = self.list_workers()
        known = {worker_name(one) for one in there.found}
        missing = tuple(
            Failure(self.strategy.config.name, "", f"worker {name}", self._no_worker(name, known))
            for name in dict.fromkeys(names)
            if name not in known
        )
        wanted = [one for one in there.found if worker_name(one) in set(names)]
        return Answers[Worker]((), (*missing, *there.failures)) + self._delete(wanted, dry_run=dry_run, waits=waits)

    def delete_all_workers(
        self, expected: int | None = None, *, dry_run: bool = False, waits: bool = True
    ) -> Answers[Worker]:
        """
        Delete every worker of ours on this cloud, and nothing else; protected ones stay.

        Args:
            expected: How many the caller means to delete, protected ones not counted; None with *dry_run* only.
            waits: As for `delete_workers`.

        Raises:
            Conflict: There are more or fewer: nothing was deleted.
        """
        there = self.list_workers()
        free = [one for one in there.found if not protection_of(one, self.strategy.config)]
        if not dry_run and expected != len(free):
            said = "no number was given" if expected is None else f"{expected} were expected"
            raise Conflict(
                f"cloud {self.strategy.config.name} has {len(free)} workers of {self.strategy.config.owner} that would "
                f"be deleted, and {said}: nothing was deleted",
                found=len(free),
            )
        return Answers[Worker]((), there.failures) + self._delete(free, dry_run=dry_run, waits=waits)

    def await_gone(self, deleted: Mapping[InstanceRef, str]) -> Answers[str]:
        """
        Wait for what a call without *waits* asked for; return the names of those that are gone, in the order given.

        Args:
            deleted: The workers whose deletion was asked for -> their names. Another one of the same name stays.
        """
        lifecycle = Lifecycle(self.strategy, self._pace)

        def wait(one: tuple[InstanceRef, str]) -> Failure | None:
            ref, name = one
            try:
                lifecycle.await_gone(ref, name)
            except McopError as error:
                return Failure(self.strategy.config.name, ref.region, f"worker {name}", error)
            self._tell(f"{name}: gone ({ref.id})")
            return None

        results = each(list(deleted.items()), wait, at_once=self.strategy.config.at_once)
        gone = (name for name, failure in zip(deleted.values(), results, strict=True) if failure is None)
        return Answers(tuple(gone), tuple(failure for failure in results if failure))

    def _delete(self, workers: Sequence[Worker], *, dry_run: bool, waits: bool) -> Answers[Worker]:
        lifecycle = Lifecycle(self.strategy, self._pace)
        became = "would be deleted" if dry_run else "gone" if waits else "being deleted"
        state = InstanceState.DELETED if waits else InstanceState.DELETING

        def delete(worker: Worker) -> Worker | Failure:
            try:
                if not dry_run:
                    lifecycle.delete(worker, waits=waits)
            except McopError as error:
                return Failure(worker.cloud, worker.region, f"worker {worker_name(worker)}", error)
            self._tell(f"{worker_name(worker)}: {became} ({worker.id})")
            return worker if dry_run else replace(worker, state=state, native_state="")

        results = each(workers, delete, at_once=self.strategy.config.at_once)
        return Answers(
            tuple(one for one in results if not isinstance(one, Failure)),
            tuple(one for one in results if isinstance(one, Failure)),
        )

    def _no_worker(self, name: str, known: Iterable[str]) -> NotInCloud:
        near = closest(name, known)
        hint = f' Did you mean "{near}"?' if near else ""
        return NotInCloud(f"cloud {self.strategy.config.name} has no worker {name!r}.{hint}", suggestion=near)

    # -- what is there -----------------------------------------------------------------------------------

    def regions(self) -> tuple[Region, ...]:
        """Return all regions of the account."""
        return ask(self.strategy, self._pace, "list the regions", self.strategy.regions)

    def list_instances(self, regions: Iterable[str] = ()) -> Answers[Instance]:
        """Return all instances, ours and others; `inventory.stream` does so without holding all of them."""
        require(self.strategy, Capability.LIST_INSTANCES)
        found = self._list(regions, None)
        return Answers(tuple(sorted(found.found, key=_by_place)), found.failures)

    def list_clusters(self, regions: Iterable[str] = ()) -> Answers[Cluster]:
        """Return all Kubernetes clusters with their node pools and add-ons."""
        require(self.strategy, Capability.CLUSTERS)
        names = listing.region_names(self.strategy, self._pace, regions)

        def look(scope: str | None) -> Answers[ClusterRef]:
            try:
                return Answers(tuple(listing.clusters(self.strategy, self._pace, scope, names)))
            except McopError as error:
                return Answers((), (Failure(self.strategy.config.name, scope or "", "clusters", error),))

        refs: Answers[ClusterRef] = self._gather(look, names)

        def describe(ref: ClusterRef) -> Answers[Cluster]:
            try:
                return Answers((self.describe_cluster(ref),))
            except McopError as error:
                return Answers((), (Failure(self.strategy.config.name, ref.region, f"cluster {ref.name}", error),))

        described = each(refs.found, describe, at_once=self.strategy.config.at_once)
        return sum(described, Answers[Cluster]((), refs.failures))

    def describe_cluster(self, ref: ClusterRef) -> Cluster:
        """Return one cluster; raises NotInCloud if there is none."""
        require(self.strategy, Capability.CLUSTERS)
        what = f"describe the cluster {ref.name} in {ref.region}"
        return ask(self.strategy, self._pace, what, lambda: self.strategy.get_cluster(ref))

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return how `kubectl` gets a token for *cluster*."""
        require(self.strategy, Capability.CLUSTERS)
        return self.strategy.cluster_login(cluster)

    def _list(self, regions: Iterable[str], only: Tag | None) -> Answers[Instance]:
        names = listing.region_names(self.strategy, self._pace, regions)

        def look(scope: str | None) -> Answers[Instance]:
            try:
                return Answers(tuple(listing.instances(self.strategy, self._pace, scope, names, only)))
            except McopError as error:
                return Answers((), (Failure(self.strategy.config.name, scope or "", "instances", error),))

        return self._gather(look, names)

    def _gather(self, look: Callable[[str | None], Answers[_T]], names: Sequence[str]) -> Answers[_T]:
        scopes = listing.list_scopes(self.strategy, names)
        found: Answers[_T] = Answers()
        for one in each(scopes, look, at_once=self.strategy.config.at_once):
            found += one
        return found


def _by_place(instance: Instance) -> tuple[object, ...]:
    return instance.cloud, instance.region, name_order(instance.name), instance.id
