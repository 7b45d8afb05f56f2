"""
Spans of OpenTelemetry: what MCOP does, below whatever span there is, and nothing at all where nobody traces.

Where a process has a tracer, such as Airflow's with `[traces] otel_on`, MCOP's spans are its children. Nothing of
OpenTelemetry is imported otherwise: the one question that is asked then is whether somebody else has imported it.

A span tells what was done to which component, how long it took and how it ended. It never tells a value: its
attributes are those of `span` and counts, and of an error only its class.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol

from mcop_core.errors import Cancelled, InvalidInput, Waiting, closest

TRACER = "mcop"
CONTEXT = ("TRACEPARENT", "TRACESTATE")
"""Environment variables that carry the context of a trace to another process, as W3C and OpenTelemetry name them."""

FLUSH_S = 2.0
"""How long a process that ends waits for its spans to be taken, seconds: a collector that is down delays no more."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTERS = "opentelemetry_traces_exporter"


class Span(Protocol):
    """What is said of one piece of work while it is done."""

    def count(self, **counts: int) -> None:
        """Say how many of what: `resources=3` becomes the attribute `mcop.resources`."""

    def fail(self, kind: str) -> None:
        """Say that it failed, and as what: the name of an error's class, or an outcome."""


class _Nothing:
    """The span of work that nobody traces."""

    def count(self, **counts: int) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass


NOTHING: Span = _Nothing()


class _Recorded:
    """A span of OpenTelemetry's."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def count(self, **counts: int) -> None:
        self._span.set_attributes({f"mcop.{name}": int(number) for name, number in counts.items()})

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


@contextmanager
def span(
    operation: str,
    *,
    manifest: str = "",
    component: str = "",
    execution: str = "",
    engine: str = "",
    command: str = "",
) -> Iterator[Span]:
    """
    Trace the work of the block as `mcop.<operation>`; what is raised ends the span as failed and passes on.

    Args:
        operation: What is done: render, preview, apply, destroy, sweep, or a command of an engine.
        manifest: `<namespace>/<name>`.
        component: Id of the step, `workflow.pattern.element`.
        execution: `<dag id>/<run id>`.
        engine: Its registered name.
        command: Of the engine's program, such as `plan`; no arguments.
    """
    provider = _provider()
    if provider is None:
        yield NOTHING
        return
    said = {"operation": operation, "manifest": manifest, "component": component, "execution": execution}
    said |= {"engine": engine, "command": command}
    attributes = {f"mcop.{name}": text for name, text in said.items() if text}
    with provider.get_tracer(TRACER).start_as_current_span(
        f"mcop.{operation}", attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as started:
        told = _Recorded(started)
        try:
            yield told
        except BaseException as error:
            if not isinstance(error, GeneratorExit | Waiting):
                told.fail("cancelled" if isinstance(error, Cancelled) else type(error).__name__)
            raise


def carried() -> dict[str, str]:
    """Return the environment variables that make what another process traces part of the current span; may be none."""
    if _provider() is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {name: carrier[name.lower()] for name in CONTEXT if carrier.get(name.lower())}


@contextmanager
def joined(environment: MutableMapping[str, str], service: str) -> Iterator[None]:
    """
    Trace what the block does as part of the trace that *environment* carries; nothing, if it carries none.

    Where the spans go stands in OpenTelemetry's own variables, as for Airflow: `OTEL_EXPORTER_OTLP_ENDPOINT` and
    `OTEL_TRACES_EXPORTER`. Without an endpoint nothing is traced. What is wrong with them is said on standard error,
    and keeps nobody from working. The block's end waits `FLUSH_S` for the spans to be taken, and no longer.

    Args:
        environment: Of this process; the context is taken out of it, so that it ends here.
        service: Name under which the spans are shown, unless `OTEL_SERVICE_NAME` gives another.
    """
    context = {name.lower(): environment.pop(name) for name in CONTEXT if name in environment}
    if "traceparent" not in context or not any(environment.get(name) for name in _ENDPOINTS):
        yield
        return
    from opentelemetry import context as contexts
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    try:
        provider = _open_provider(environment, service)
    except Exception as error:  # of an exporter of somebody else's, too: nothing that is applied must end for it
        sys.stderr.write(f"nothing is traced: {error}\n")
        yield
        return
    trace.set_tracer_provider(provider)
    token = contexts.attach(TraceContextTextMapPropagator().extract(context))
    try:
        yield
    finally:
        contexts.detach(token)
        # In a thread that ends with the process: an exporter tries for longer than anybody should wait for it.
        flush = threading.Thread(target=provider.force_flush, daemon=True)
        flush.start()
        flush.join(FLUSH_S)


def begin(operation: str, *, command: str = "") -> Begun:
    """Begin a span as `span` does, below which nothing else is traced, and that ends when `Begun.end` is called."""
    provider = _provider()
    if provider is None:
        return Begun(None)
    said = {"mcop.operation": operation, "mcop.command": command}
    attributes = {name: text for name, text in said.items() if text}
    return Begun(provider.get_tracer(TRACER).start_span(f"mcop.{operation}", attributes=attributes))


class Begun:
    """A span that was begun, and that one call ends."""

    def __init__(self, started: Any | None) -> None:
        self._started = started

    def end(self, failed: str = "") -> None:
        """End it, as failed if *failed* says as what; called again it does nothing."""
        if self._started is None:
            return
        if failed:
            _Recorded(self._started).fail(failed)
        self._started.end()
        self._started = None


def _provider() -> Any | None:
    """Return this process's tracer provider, None if nobody set one that records."""
    sdk, api = sys.modules.get("opentelemetry.sdk.trace"), sys.modules.get("opentelemetry.trace")
    if sdk is None or api is None:
        return None
    provider = api.get_tracer_provider()
    return provider if isinstance(provider, sdk.TracerProvider) else None


def _open_provider(environment: Mapping[str, str], service: str) -> Any:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if environment.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_open_exporter(environment)))
    return provider


def _open_exporter(environment: Mapping[str, str]) -> Any:
    """Return the exporter that Airflow chooses by the same variable, so that one setting serves both."""
    from importlib.metadata import entry_points

    wanted = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    known = {point.name: point for point in entry_points(group=_EXPORTERS)}
    if wanted not in known:
        near = closest(wanted, known)
        raise InvalidInput(
            f"OTEL_TRACES_EXPORTER is {wanted!r}, and no such exporter is installed. There are: "
            + ", ".join(sorted(known))
            + (f'. Did you mean "{near}"?' if near else "")
        )
    return known[wanted].load()()
