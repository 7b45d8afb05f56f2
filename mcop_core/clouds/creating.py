"""Several workers at once: what is there is adopted, what is there twice is settled, what is missing is created."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mcop_core.clouds.answers import Answers, Failure
from mcop_core.clouds.crowd import each
from mcop_core.clouds.lifecycle import Lifecycle
from mcop_core.clouds.models import InstanceState, Worker
from mcop_core.clouds.ours import best_of, worker_name
from mcop_core.clouds.patience import Pace
from mcop_core.clouds.placing import Spot
from mcop_core.clouds.strategy import Capability
from mcop_core.errors import CloudFailed, Conflict, McopError, NoCapacity, QuotaExceeded


class How(StrEnum):
    """How a worker came to be there."""

    CREATED = "created"
    ADOPTED = "adopted"
    """It was there, or an earlier call had begun it."""


@dataclass(frozen=True, slots=True)
class Made:
    """
    One worker that is there as it was asked for.

    Attributes:
        instead_of: The places that were tried before, and why it is not there.
    """

    worker: Worker
    how: How
    instead_of: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A worker that is there, and by whom it is spoken of."""

    worker: Worker
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class Creation:
    """
    One request, while it is carried out.

    Attributes:
        waits: Whether workers are waited for until they run; else they are only begun.
    """

    spots: Sequence[Spot]
    pace: Pace
    at_once: int
    waits: bool = True
    tell: Callable[[str], None] = field(default=lambda line: None)

    def carry_out(self, names: Sequence[str]) -> Answers[Made]:
        """Return the workers *names*, and a failure for each that is not there in the end."""
        there, unasked = self._existing(names)
        unreached = {(failure.cloud, failure.region) for failure in unasked}
        spots = [spot for spot in self.spots if spot.is_in not in unreached]
        if not spots:
            return Answers((), tuple(self._lost(name, unasked[0].error) for name in names))
        results = each(names, lambda name: self._settle(name, there.get(name, []), spots), at_once=self.at_once)
        made = tuple(one for one in results if isinstance(one, Made))
        return Answers(made, (*(one for one in results if isinstance(one, Failure)), *unasked))

    def _existing(self, names: Iterable[str]) -> tuple[dict[str, list[_Held]], list[Failure]]:
        """
        Return what there is of *names* at all places, and the places that could not be asked.

        A place that does not answer is left out, and told: a worker that lies there may then be made elsewhere, too.
        """
        places = {spot.is_in: Lifecycle(spot.strategy, self.pace) for spot in self.spots}
        wanted = set(names)
        found: dict[str, list[_Held]] = {}
        unasked: list[Failure] = []

        def look(place: tuple[str, str]) -> list[Worker] | Failure:
            try:
                return places[place].find(place[1])
            except McopError as error:
                return Failure(*place, "look for workers that are there already", error)

        keys = list(places)
        for place, answer in zip(keys, each(keys, look, at_once=self.at_once), strict=True):
            if isinstance(answer, Failure):
                unasked.append(answer)
                continue
            for worker in answer:
                if worker_name(worker) in wanted:
                    found.setdefault(worker_name(worker), []).append(_Held(worker, places[place]))
        return found, unasked

    def _lost(self, name: str, error: McopError) -> Failure:
        cloud, region = self.spots[0].is_in
        return Failure(cloud, region, f"worker {name}", error)

    def _settle(self, name: str, there: list[_Held], spots: Sequence[Spot]) -> Made | Failure:
        try:
            made = self._adopted(there) or self._created(name, spots)
        except McopError as error:
            return self._lost(name, error)
        self.tell(f"{name}: {made.how} as {made.worker.id} in {made.worker.cloud}/{made.worker.region}")
        return made

    # -- what is there -----------------------------------------------------------------------------------

    def _adopted(self, there: list[_Held]) -> Made | None:
        """Return the one that stays of *there*, all others gone; None if none of them can."""
        leaving = [one for one in there if one.worker.state is InstanceState.DELETING]
        failed = [one for one in there if one.worker.state is InstanceState.FAILED]
        alive = [one for one in there if one not in leaving and one not in failed]
        for one in failed:
            one.lifecycle.delete(one.worker)
        for one in leaving if self.waits else ():
            one.lifecycle.await_gone(one.worker.ref, worker_name(one.worker))
        if not alive:
            return None
        best = best_of(one.worker for one in alive)
        kept = next(one for one in alive if one.worker is best)
        for one in alive:
            if one is not kept:
                one.lifecycle.delete(one.worker)
        return self._running(kept)

    def _running(self, kept: _Held) -> Made | None:
        worker = kept.worker
        if worker.state in (InstanceState.STOPPED, InstanceState.STOPPING):
            raise Conflict(
                f"worker {worker_name(worker)} is there as {worker.id} in {worker.cloud}/{worker.region} and is "
                f"{worker.state}: start it in the cloud, or delete it"
            )
        if worker.state is InstanceState.RUNNING or not self.waits:
            return Made(worker, How.ADOPTED)
        try:
            return Made(kept.lifecycle.await_running(worker), How.ADOPTED)
        except CloudFailed:
            return None

    # -- what is missing ---------------------------------------------------------------------------------

    def _created(self, name: str, spots: Sequence[Spot]) -> Made:
        tried: list[Failure] = []
        no_quota: set[tuple[str, str]] = set()
        for spot in spots:
            if spot.is_in in no_quota:
                continue
            try:
                return Made(self._create_at(spot, name), How.CREATED, tuple(tried))
            except (NoCapacity, QuotaExceeded) as error:
                if isinstance(error, QuotaExceeded):
                    no_quota.add(spot.is_in)
                tried.append(Failure(*spot.is_in, str(spot), error))
                self.tell(f"{name}: {spot}: {error.message}")
        raise _nowhere(name, tried)

    def _create_at(self, spot: Spot, name: str) -> Worker:
        lifecycle = Lifecycle(spot.strategy, self.pace)
        begun = lifecycle.begin(spot.order(name))
        if not self.waits:
            return begun
        running = lifecycle.await_running(begun)
        if Capability.CREATE_TOKENS in spot.strategy.capabilities:
            return running
        # Without tokens an answer that was lost, or another call at the same time, may have made a second one.
        doubles = lifecycle.find(spot.place.region, name)
        return lifecycle.keep_best(doubles) if len(doubles) > 1 else running


def _nowhere(name: str, tried: Sequence[Failure]) -> CloudFailed:
    last = tried[-1].error
    kind = QuotaExceeded if all(isinstance(one.error, QuotaExceeded) for one in tried) else NoCapacity
    told = "; ".join(f"{one.what}: {one.error.message}" for one in tried)
    error = kind(f"worker {name} can be created at none of the places: {told}", code=last.facts.get("code", ""))
    error.__cause__ = last
    return error
