"""Runs a command within bounds, and says what it cost."""

import os
import resource
import signal
import subprocess
import tempfile
from dataclasses import dataclass

MOST_CPU_SECONDS = 1.0
MOST_RESIDENT = 200 << 20  # bytes
# What a process may take at all before the kernel ends it: generous, so that a breach of the above is seen and told.
HARD_CPU_SECONDS = 20
HARD_SPACE = 8 << 30


@dataclass
class Outcome:
    status: int  # 128 + signal where one ended it
    out: str
    err: str
    cpu: float  # seconds
    resident: int  # bytes, at the most

    def breach(self, statuses=(0, 1, 2)):
        """What is wrong with how it ended, or nothing."""
        if self.status not in statuses:
            return f"exit status {self.status}: {self.err[-300:]}"
        if self.cpu > MOST_CPU_SECONDS:
            return f"{self.cpu:.2f} s of processor time"
        if self.resident > MOST_RESIDENT:
            return f"{self.resident >> 20} MiB resident"
        if "internal error" in self.err:
            return self.err
        if self.status == 2 and (self.err.count("\n") != 1 or not self.err.startswith("qchain")):
            return f"not one line: {self.err}"
        return None


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (HARD_CPU_SECONDS, HARD_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (HARD_SPACE, HARD_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, folder, timeout=120):
    """Wall time is only a net for a hang: on a busy machine it says nothing."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=limit)
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(timeout)
        _, status, usage = os.wait4(process.pid, 0)
        signal.alarm(0)
        process.returncode = os.waitstatus_to_exitcode(status)
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Outcome(code, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)
