"""What measured figures hang on."""
import os
import platform
import subprocess
import time
from pathlib import Path


def revision(folder):
    """Of the work tree around a folder; a build folder is in one."""
    found = subprocess.run(["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip()


def record(folder):
    """Date, machine, and the revision of the work tree around a folder."""
    model = next((line.split(":", 1)[1].strip()
                  for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": f"{model}, {os.cpu_count()} cores", "revision": revision(folder)}
