"""
Two clouds to try the guides on: a server that speaks DigitalOcean's REST, and an AWS emulator.

`python -m tests.clouds.stage FOLDER` starts both beside itself and returns once `FOLDER/stage.env` says how they are
reached. They stop when `FOLDER/stop` is there, and by themselves after ten minutes.
"""

import subprocess
import sys
import time
from pathlib import Path

from tests.clouds.digitalocean_server import TOKEN, running_digitalocean
from tests.emulators import running

_LONGEST_S = 600.0


def serve(folder: Path) -> None:
    """Have both clouds until the file `stop` is there."""
    with running_digitalocean(folder) as ocean, running("ministack", folder) as amazon:
        ocean.create_looks = ocean.delete_looks = 0
        ocean.put_cluster("apples", "fra1")
        lines = {
            "OCEAN_URL": ocean.url,
            "OCEAN_CA": str(ocean.certificate),
            "AMAZON_URL": amazon.url,
            "MCOP_SECRET_OCEAN": TOKEN,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        text = "".join(f"export {name}={value}\n" for name, value in lines.items())
        written = folder / "stage.env.new"
        written.write_text(text)
        written.rename(folder / "stage.env")
        end = time.monotonic() + _LONGEST_S
        while not (folder / "stop").exists() and time.monotonic() < end:
            time.sleep(0.1)


def start(folder: Path) -> None:
    """Start both beside this process, and return once they answer."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stage.log").open("wb") as log:
        served = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.stage", str(folder), "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    end = time.monotonic() + 120
    while not (folder / "stage.env").exists():
        assert served.poll() is None and time.monotonic() < end, (folder / "stage.log").read_text()
        time.sleep(0.05)


if __name__ == "__main__":
    where = Path(sys.argv[1]).absolute()
    serve(where) if sys.argv[2:] == ["serve"] else start(where)
