"""What the scenes of the contract have in common where a server of the tests speaks a cloud's REST."""

import sys
from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.placing import WorkerRequest
from mcop_core.clouds.strategy import CloudStrategy
from mcop_core.errors import InvalidInput, Unreachable
from tests.clouds.clock import hasty_pace
from tests.clouds.rest_server import Answer, RestServer
from tests.clouds.rest_server import Does as Meets
from tests.contracts.cloud_strategy import Call, CloudStrategyContract, Does, Scene

MEETS = {Does.LOSE: Meets.LOSE_ANSWER, Does.GARBLE: Meets.GARBAGE}
"""What every such server can do to a request without an answer of the cloud's."""


def obeying(
    server: RestServer,
    lines: Mapping[Call, str],
    answers: Mapping[Does, Answer],
    otherwise: Mapping[Does, Callable[[int], object]],
) -> Callable[[Does, Call, int], None]:
    """
    Return the `obey` of a scene on *server*.

    Args:
        lines: Call -> regular expression of the requests that it is.
        answers: What the cloud says where it does so.
        otherwise: What is done to the server in the place of an answer; gets how many times.
    """

    def obey(does: Does, call: Call, times: int) -> None:
        if does in otherwise:
            otherwise[does](times)
        elif does in MEETS:
            server.add(MEETS[does], lines[call], times=times)
        else:
            server.refuse(lines[call], answers[does], times=times)

    return obey


class SdkContract(CloudStrategyContract):
    """
    The contract, through a provider's own SDK on a server of the tests; fixtures `server` and `scene` give both.

    Attributes:
        extra, module: What brings the SDK, and a module of it that is imported before anything is asked.
        regions: Regular expression of the request for the regions.
        lines: As `obeying` takes them.
    """

    extra: ClassVar[str]
    module: ClassVar[str]
    regions: ClassVar[str]
    lines: ClassVar[Mapping[Call, str]]

    def opened(self, server: RestServer, **changes: object) -> CloudStrategy:
        """Return the strategy on *server*, its configuration changed."""
        raise NotImplementedError

    def test_a_cloud_that_says_nothing_is_given_up_after_its_timeout(self, server: RestServer):
        """And told apart from one that refuses."""
        server.add(Meets.HANG, self.regions)

        with pytest.raises(Unreachable):
            self.opened(server, timeout_s=0.2).regions()

    def test_a_missing_sdk_is_named_with_the_extra_that_brings_it(self, server: RestServer, monkeypatch):
        """The strategy itself is there without it."""
        strategy = self.opened(server)
        monkeypatch.setitem(sys.modules, self.module, None)

        with pytest.raises(InvalidInput, match=rf"install mcop\[{self.extra}\]"):
            strategy.regions()

    def test_a_lost_answer_and_a_late_look_make_nothing_twice(self, server: RestServer, scene: Scene):
        """The second request is told that it is there, before a look shows it."""
        server.unseen_looks = 2
        server.add(Meets.LOSE_ANSWER, self.lines[Call.CREATE])
        made = CloudContext(scene.strategy, pace=hasty_pace()).create_workers(WorkerRequest(("one",)))

        assert made.is_whole, made.failures
        assert 1 == len(scene.ids())
