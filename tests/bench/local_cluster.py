"""A cluster on this machine, for benchmarks."""
import json
import re
import subprocess
import sys
import time

START_SECONDS = 60


class LocalCluster:
    """`graft local` in a folder for as long as the object is used as a context. A folder that had a
    cluster before goes on with what it knows."""

    def __init__(self, programs, directory, data):
        self.graft = str(programs / "graft")
        self.directory = directory
        self.command = [self.graft, "local", "--dir", str(directory), "--data", str(data),
                        "--listen", "127.0.0.1:0"]

    def __enter__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "local.log"
        with open(log, "wb") as file:
            self.process = subprocess.Popen(self.command, stdout=file, stderr=file)
        try:
            self.await_ready(log)
        except BaseException:
            self.__exit__()
            raise
        self.server = (self.directory / "endpoint").read_text(encoding="ascii").strip()
        return self

    def await_ready(self, log):
        deadline = time.monotonic() + START_SECONDS
        while not re.search(rb"^ready", log.read_bytes(), re.MULTILINE):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the cluster does not start: " + log.read_text(encoding="utf-8"))
            time.sleep(0.1)

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()

    def ask(self, *arguments):
        """The command's answer in JSON; ends the program if it fails."""
        done = subprocess.run([self.graft, "--server", self.server, "--output", "json", *arguments],
                              capture_output=True)
        if done.returncode != 0:
            sys.exit(f"graft {' '.join(arguments)}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def search(self, path, *more):
        """Submits a search and waits for its end; ends the program unless it succeeds."""
        result = self.ask("submit", str(path), "--wait", *more)
        if result["state"] != "succeeded":
            sys.exit(f"{path}: {result['state']}; see `graft show {result['search']}`")
        return result


def seconds(duration):
    """Of a duration in JSON; 0 for none."""
    return float(duration.rstrip("s")) if duration else 0.0
