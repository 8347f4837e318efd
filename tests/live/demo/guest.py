"""The test guest, by its serial line (tests/live/guest/worker.h), and lines over sockets."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from .console import Failed

COMMAND_LINE = "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check"
PATIENCE = 300  # seconds


class Lines:
    """A listening socket that one peer connects to as it starts; then lines both ways."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(PATIENCE)
        self._listener.bind(str(path))
        self._listener.listen()
        path.chmod(0o666)

    def accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE)
        self._stream = connection.makefile("rw", newline="\n")

    def send(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def receive(self) -> str:
        line = self._stream.readline()
        if not line:
            raise Failed("the virtual machine went away")
        return line.strip()


@dataclass
class Report:
    """Since the last report: the longest operation. `errors`: since the guest began."""

    done: int
    errors: int
    stall_ms: float


class Guest:
    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.flushed = 0
        self.first_error = ""
        lines.accept()
        self._wait_for("ready")

    def ask(self, command: str) -> dict[str, int]:
        self._lines.send(command)
        return self._wait_for(command.split()[0])

    def report(self) -> Report:
        said = self.ask("report")
        return Report(said["ops"], said["errors"], said["stall_us"] / 1000)

    def verify(self) -> int:
        """Reads and checks the whole disk: errors so far."""
        return self.ask("verify")["errors"]

    def work(self, operations: int) -> None:
        """Waits until it has done and flushed that many more."""
        goal = self.ask("report")["ops"] + operations
        while self.flushed < goal:
            self._hear()

    def _hear(self) -> str:
        line = self._lines.receive()
        if line.startswith("flushed "):
            self.flushed = int(line.split()[1])
        elif line.startswith("error ") and not self.first_error:
            self.first_error = line
        elif "Kernel panic" in line:
            raise Failed(line)
        return line

    def _wait_for(self, word: str) -> dict[str, int]:
        while True:
            line = self._hear()
            if line.split(" ")[0] == word:
                return {key: int(value) for key, value in (part.split("=") for part in line.split()[1:])}
