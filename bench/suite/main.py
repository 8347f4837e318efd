"""bench/run: sets up, measures, writes, cleans up."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from suite.ci import ci
from suite.context import Context
from suite.facts import load, machine
from suite.groups import GROUPS, Group
from suite.measure import GIB, Row, say
from suite.options import ROOT, parse
from suite.processes import Failed, run
from suite.publish import publish
from suite.report import Result, markdown, save


def main(words: list[str]) -> int:
    options = parse(words)
    if options.list:
        print("\n".join(f"{group.name:<11} {group.title}" for group in GROUPS))
        return 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the shell had it ignored
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # so that everything is put back, as with Ctrl-C
    try:
        if options.subset == ["publish"]:
            publish(options.out, ROOT)
            return 0
        return _measure(options)
    except KeyboardInterrupt:
        say("bench: interrupted; everything was put back")
        return 130
    except (Failed, OSError) as failure:
        say(f"bench: {failure}")
        return 2


def _measure(options) -> int:
    program = (options.qchain or _built()).resolve()
    _make_room()
    if options.nice:
        os.setpriority(os.PRIO_PROCESS, 0, options.nice)
    with _scratch(options.scratch) as folder:
        context = Context(program, options.size, options.rounds, options.seconds, folder, options.before)
        if options.subset == ["ci"]:
            return _check(context)
        for group in [one for one in GROUPS if not options.subset or one.name in options.subset]:
            result = _measure_group(group, context, options)
            if not options.before:
                save(result, options.out)
            print(markdown([result]))
    say(f"results: {options.out}")
    if options.publish:
        publish(options.out, ROOT)
    return 0


def _measure_group(group: Group, context: Context, options) -> Result:
    say(f"{group.name}: {group.title}")
    facts = machine(context.folder, ROOT)
    conditions = {"load at start": load(), "size": f"{context.size / GIB:g} GiB", "rounds": str(context.rounds),
                  "nice": str(options.nice)}
    try:
        rows = group.make(context)
    except Failed as failure:
        rows = [Row(group.title, "", note=f"not measured: {failure}")]
        say(f"  not measured: {failure}")
    return Result(group.name, group.title, rows, facts, conditions | {"load at end": load()})


def _check(context: Context) -> int:
    found = ci(context)
    print(f"bench ci: {len(found.seen)} not far below their floors, {len(found.low)} far below, {len(found.skipped)} "
          f"skipped; load {load()}")
    for what, lines in (("", found.seen), ("skipped: ", found.skipped), ("FAR BELOW ITS FLOOR: ", found.low)):
        for line in lines:
            print(f"  {what}{line}")
    return 1 if found.low else 0


def _built() -> Path:
    """The release build, made where it is missing or old; the stages' own benchmarks too, so that they stay
    buildable."""
    say("setting up")
    subprocess.run([ROOT / "scripts/setup", "build", "test", "bench"], check=True)
    run("cmake", "--preset", "release", "-DQCHAIN_BENCH=ON", cwd=ROOT)
    run("cmake", "--build", "--preset", "release", "-j", str(os.cpu_count()), "--target", "qchain", "micro_bench",
        cwd=ROOT)
    return ROOT / "build/release/cli/qchain"


def _make_room() -> None:
    """A chain of a thousand layers is a thousand open files, here as in QEMU."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _scratch(where: Path):
    """A folder for images and mounts, that is gone afterwards whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="qchain-bench-", dir=where))
    try:
        yield folder
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing may stay behind
        shutil.rmtree(folder, ignore_errors=True)
