"""What the demo prints, and the commands it runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path


class Failed(Exception):
    """Something did not hold; the message is for the user."""


class Console:
    """Steps, commands as a user would type them, and checks, which are counted."""

    def __init__(self) -> None:
        self.checks = 0
        self._bold, self._plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")

    def step(self, words: str) -> None:
        print(f"\n{self._bold}== {words}{self._plain}", flush=True)

    def say(self, words: str) -> None:
        print(f"   {words}", flush=True)

    def run(self, *words: str | Path) -> str:
        """Shows a command and what it prints; it must succeed."""
        command = [str(word) for word in words]
        shown = [Path(command[0]).name, *command[1:]]
        print(f"\n$ {shlex.join(shown)}", flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in done.stdout.replace("\r", "\n").splitlines():
            if "%]" not in line or "100 %]" in line:  # not every step of the progress
                print(f"  {line}", flush=True)
        self.check(f"{Path(command[0]).name} ends well", done.returncode == 0)
        return done.stdout

    def check(self, words: str, holds: bool) -> None:
        print(f"   {'OK  ' if holds else 'FAIL'}  {words}", flush=True)
        if not holds:
            raise Failed(words)
        self.checks += 1


def quietly(*words: str | Path, **keywords) -> str:
    """Runs a command that must succeed; what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **keywords)
    if done.returncode != 0:
        raise Failed(f"{shlex.join(map(str, words))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
