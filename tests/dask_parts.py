"""A Dask scheduler and its workers as processes of their own, on loopback."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jpegslim

START_SECONDS = 60.0


class Dask:
    """Starts a scheduler and workers, and ends all of them.

    modules: folders with what the workers may be told to import.
    """

    def __init__(self, folder, *modules):
        self.folder = folder
        self.modules = modules
        self.processes = []
        self.address = None

    def start(self):
        """Start a scheduler of its own, and return its address."""
        file = self.folder / "scheduler.json"
        self.scheduler = self._run(
            *("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--scheduler-file", file),
        )
        deadline = time.monotonic() + START_SECONDS
        while self.address is None:
            assert time.monotonic() < deadline, (self.folder / "0.log").read_text()
            try:
                self.address = json.loads(file.read_text())["address"]
            except (OSError, ValueError):
                time.sleep(0.05)
        return self.address

    def work(self, name, *options, cwd=None, threads=1, nanny=False):
        """Start a worker; the process may take a while until it is known."""
        return self._run(
            *("dask_worker", self.address, "--name", name, "--nthreads", threads),
            *("--host", "127.0.0.1", "--no-dashboard", "--local-directory", self.folder / name),
            *(("--nanny",) if nanny else ("--no-nanny",)),
            *options,
            cwd=cwd,
        )

    def close(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def _run(self, command, *options, cwd=None):
        folders = [*map(str, self.modules), str(Path(jpegslim.__file__).parents[1])]
        paths = [*folders, os.environ.get("PYTHONPATH", "")]
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{command}", *map(str, options)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cwd or self.folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            )
        self.processes.append(process)
        return process
