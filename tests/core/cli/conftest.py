import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from mcop_core.cli import console
from mcop_core.cli.main import app
from tests.core.executions.fake_airflow import PASSWORD, FakeAirflow


@pytest.fixture
def mcop(capsys, monkeypatch, tmp_path):
    """Return what calls `mcop` and returns exit code, output and errors."""

    def call(*arguments):
        code = console.run(lambda: end_of(arguments), debug=False)
        said = capsys.readouterr()
        return code or ended.pop(), said.out, said.err

    def end_of(arguments):
        ended.append(0)
        try:
            app(arguments, prog_name="mcop")
        except SystemExit as end:
            ended.append(end.code)

    ended = []
    monkeypatch.delenv("_MCOP_COMPLETE", raising=False)
    monkeypatch.setenv("MCOP_CACHE_DIR", str(tmp_path / "cache"))
    console.settings.cache_clear()
    yield call
    console.settings.cache_clear()


@pytest.fixture
def airflow():
    return FakeAirflow()


@pytest.fixture
def served(airflow):
    """Return the address at which *airflow* is served."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = f"http://{self.headers['Host']}{self.path}"
            found = airflow(httpx.Request(self.command, address, headers=dict(self.headers), content=body))
            self.send_response(found.status_code)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reachable(served, monkeypatch, tmp_path):
    """Make `mcop`, in this and in other processes, speak to *airflow* and no catalog; return their environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCOP_ARTIFACT_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("MCOP_AIRFLOW_URL", served)
    monkeypatch.setenv("MCOP_AIRFLOW_USERNAME", "admin")
    monkeypatch.setenv("MCOP_AIRFLOW_PASSWORD", PASSWORD)
    return dict(os.environ)
