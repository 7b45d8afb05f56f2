"""
The life of one worker on one cloud: created once, waited for until it runs, deleted until it is gone.

Nothing here knows a cloud. What a cloud's answer leaves open, whether something was made say, is found out by looking
for the tags that everything carries from its first moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcop_core.clouds import listing
from mcop_core.clouds.models import InstanceRef, InstanceState, Order, Problem, Worker
from mcop_core.clouds.ours import WORKER_TAG, best_of, creation_token, is_ours, owner_tag, protection_of, worker_name
from mcop_core.clouds.patience import Pace, ask
from mcop_core.clouds.strategy import Capability, CloudStrategy, Tag
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    McopError,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)

_TOKENS = 3
"""How many tokens are tried: one whose worker is gone is used up, as long as its cloud remembers it."""
_TRIES = 3
"""How often a creation whose answers are lost is asked for, where the cloud knows no tokens."""

_NOT_COMING = (InstanceState.FAILED, InstanceState.DELETED, InstanceState.DELETING, InstanceState.STOPPED)
_ERRORS: dict[Problem, type[CloudFailed]] = {Problem.CAPACITY: NoCapacity, Problem.QUOTA: QuotaExceeded}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Workers of one cloud, one at a time."""

    strategy: CloudStrategy
    pace: Pace

    def find(self, region: str, name: str = "") -> list[Worker]:
        """Return the workers of *region* that are there, in any state: all of ours, or those of one *name*."""
        only = Tag(WORKER_TAG, name) if name else owner_tag(self.strategy.config)
        (scope,) = listing.list_scopes(self.strategy, (region,))
        found = listing.instances(self.strategy, self.pace, scope, (region,), only)
        return [one for one in found if is_ours(one, self.strategy.config)]

    # -- creating ----------------------------------------------------------------------------------------

    def begin(self, order: Order) -> Worker:
        """
        Ask for the worker of *order* and return what is being made; a worker that is there already is not looked for.

        Raises:
            UnknownOutcome: The cloud did not answer, and shows nothing: what it did cannot be told.
            McopError: As `CloudStrategy.create_instance`.
        """
        salt, shown = "", None
        for _ in range(_TOKENS):
            token = creation_token(order, self.strategy.config.owner, self.pace.now(), salt)
            made = self._accepted(replace(order, token=token))
            shown = self._once_shown(made)
            # What is gone at the first look, or never comes, is what the same token made before: it is used up.
            if shown is not None and shown.state not in (InstanceState.DELETED, InstanceState.DELETING):
                return shown
            salt = self.pace.new_id()
        called = self._called(order.name, order.region)
        if shown is not None and shown.problem is not Problem.NONE:
            raise self._not_coming(called, shown)
        raise CloudFailed(f"{called}: the cloud accepted it {_TOKENS} times and has nothing of it", code="vanished")

    def _once_shown(self, made: Worker) -> Worker | None:
        """Return *made* as it is once the cloud shows it; None if it does not for as long as that may take."""
        if made.is_gone:
            return made
        for _ in self.pace.rounds(self.pace.appears_s):
            now = self._now(made.ref)
            if now is not None:
                return replace(now, operation=now.operation or made.operation)
        return None

    def _accepted(self, order: Order) -> Worker:
        has_tokens = Capability.CREATE_TOKENS in self.strategy.capabilities
        what = f"create worker {order.name} in {order.region}"
        for _ in range(_TRIES):
            try:
                return ask(
                    self.strategy,
                    self.pace,
                    what,
                    lambda: self.strategy.create_instance(order),
                    repeat_unanswered=has_tokens,
                )
            except Throttled:
                raise
            except (Unreachable, CloudFailed) as error:
                if isinstance(error, CloudFailed) and error.facts.get("code") != "unreadable":
                    raise
                lost = error
            found = self._look_for(order)
            if found:
                return found
        raise UnknownOutcome(
            f"{self._called(order.name, order.region)}: the cloud's answers were lost {_TRIES} times and it shows no "
            f"such worker: {lost.message}. The same request again adopts what appears.",
            resources=(order.name,),
        ) from lost

    def _look_for(self, order: Order) -> Worker | None:
        """Return what a creation without an answer made; None if nothing appears for as long as things may take."""
        for _ in self.pace.rounds(self.pace.appears_s):
            found = [one for one in self.find(order.region, order.name) if one.state not in _NOT_COMING]
            if found:
                return best_of(found)
        return None

    def await_running(self, worker: Worker) -> Worker:
        """
        Return *worker* once it runs; one that does not come to run is deleted again.

        Raises:
            NoCapacity, QuotaExceeded, CloudFailed: Why it does not run. What could not be deleted is named.
            Cancelled: Nothing is deleted: the next call adopts it.
        """
        try:
            return self._running(worker)
        except McopError as error:
            if not isinstance(error, CloudFailed | Unreachable | Refused):
                raise
            raise self._undone(worker, error) from error

    def _running(self, worker: Worker) -> Worker:
        settled, appeared = self.pace.until(self.pace.settles_s), self.pace.until(self.pace.appears_s)
        called = self._called(worker_name(worker), worker.region)
        for pause in self.pace.pauses():
            now = self._now(worker.ref)
            if now is None and appeared.has_passed:
                raise CloudFailed(f"{called}: {worker.id} was accepted and is not there", code="vanished")
            if now is not None and now.state is InstanceState.RUNNING:
                return now
            if now is not None and now.state in _NOT_COMING:
                raise self._not_coming(called, now)
            if settled.has_passed:
                state = now.state if now else "not shown"
                message = f"{called}: {worker.id} does not run after {self.pace.settles_s:g} s, it is {state}"
                raise CloudFailed(message, code="deadline")
            self.pace.clock.wait(min(pause, max(settled.left_s, 0.0)))
        raise AssertionError("pauses have no end")

    def _not_coming(self, called: str, worker: Worker) -> CloudFailed:
        kind = _ERRORS.get(worker.problem, CloudFailed)
        detail = worker.detail or worker.native_state or worker.state
        return kind(f"{called}: {worker.id} does not come to run: {detail}", code=worker.native_state)

    def _undone(self, worker: Worker, error: McopError) -> McopError:
        """Delete what was begun and return *error*, with what is left if that does not work either."""
        try:
            self._remove(worker)
        except McopError as other:
            message = f"{error.message}. Left behind: {worker.id} in {worker.region}: {other.message}"
            return type(error)(message, **error.facts)
        return error

    # -- deleting ----------------------------------------------------------------------------------------

    def delete(self, worker: Worker, *, waits: bool = True) -> None:
        """
        Delete *worker* and return once it is gone.

        Args:
            waits: Whether it is waited for; else its deletion is only asked for, and the same call later verifies it.

        Raises:
            Refused: It is not ours, or a tag protects it, as it is now.
            CloudFailed: It is still there when it should be gone.
        """
        now = self._now(worker.ref)
        if now is not None and not now.is_gone:
            self._check_may_go(now)
        self._remove(worker, waits=waits)

    def _check_may_go(self, worker: Worker) -> None:
        config = self.strategy.config
        if not is_ours(worker, config):
            raise Refused(f"{worker.id} in {worker.region} is no worker of {config.owner} on cloud {config.name}")
        protected = protection_of(worker, config)
        if protected:
            called = self._called(worker_name(worker), worker.region)
            raise Refused(f"{called}: the tag {protected} protects it: take it away in the cloud first")

    def _remove(self, worker: Worker, *, waits: bool = True) -> None:
        what = f"delete worker {worker_name(worker)} in {worker.region}"
        deadline = self.pace.until(self.pace.settles_s)
        for pause in self.pace.pauses():
            try:
                ask(self.strategy, self.pace, what, lambda: self.strategy.delete_instance(worker.ref))
                break
            except NotInCloud:
                # What was created a moment ago may not be known everywhere yet.
                if not self._is_listed(worker):
                    return
            except Conflict:
                if deadline.has_passed:
                    raise
            if deadline.has_passed:
                break
            self.pace.clock.wait(min(pause, max(deadline.left_s, 0.0)))
        if waits:
            self.await_gone(worker.ref, worker_name(worker))

    def await_gone(self, ref: InstanceRef, name: str) -> None:
        """
        Return once the cloud has nothing of *ref* any more, which was the worker *name*.

        Raises:
            CloudFailed: It is still there at the deadline.
        """
        now: Worker | None = None
        for _ in self.pace.rounds(self.pace.settles_s):
            now = self._now(ref)
            if now is None or now.is_gone:
                return
        state = now.state if now else "shown"
        called = self._called(name, ref.region)
        message = f"{called}: {ref.id} is still {state} {self.pace.settles_s:g} s after its deletion"
        raise CloudFailed(message, code="deadline")

    def keep_best(self, doubles: list[Worker]) -> Worker:
        """Return which of several workers of one name stays; the others are deleted."""
        kept = best_of(doubles)
        for one in doubles:
            if one is not kept:
                self.delete(one)
        return kept

    # -- looking -----------------------------------------------------------------------------------------

    def _now(self, ref: InstanceRef) -> Worker | None:
        """Return the instance as it is; None if the cloud does not show it."""
        try:
            return ask(
                self.strategy, self.pace, f"look at {ref.id} in {ref.region}", lambda: self.strategy.get_instance(ref)
            )
        except NotInCloud:
            return None

    def _is_listed(self, worker: Worker) -> bool:
        return any(one.id == worker.id for one in self.find(worker.region, worker_name(worker)))

    def _called(self, name: str, region: str) -> str:
        return f"cloud {self.strategy.config.name}, worker {name} in {region}"
