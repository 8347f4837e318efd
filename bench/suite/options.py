"""The command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from suite.groups import GROUPS
from suite.measure import GIB, MIB

SIZES = {"64M": 64 * MIB, "128M": 128 * MIB, "256M": 256 * MIB, "1G": GIB, "2G": 2 * GIB, "4G": 4 * GIB}
USUAL = "256M"
PUBLISHED = ("1G", "2G", "4G")
ALONE = ("ci", "publish")
COMPARES_BUILDS = ("mount", "readers")
ROOT = Path(__file__).resolve().parents[2]


def parse(words: list[str]) -> argparse.Namespace:
    names = [group.name for group in GROUPS]
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures qchain beside its peers, and writes tables (Markdown, JSON) and charts (SVG).",
        epilog="As root it measures more: memory is emptied between tests, and loop mounts can be made.")
    parser.add_argument("subset", nargs="*", metavar="SUBSET",
                        help=f"what to measure: {', '.join(names)}; default: all. Or ci: a minute's worth, which fails "
                             "only where a ratio falls far below its floor, twice, and skips what this machine can't "
                             "do. Or publish: measure nothing, see "
                             "--publish")
    parser.add_argument("--size", choices=SIZES, help=f"size of the disks that are read (default {USUAL}; ci: 128M)")
    parser.add_argument("--rounds", type=int, help="samples of each figure (default 5; ci: 3)")
    parser.add_argument("--seconds", type=float, help="length of a random test (default 2; ci: 0.5)")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench", metavar="DIR",
                        help="where results go (default build/bench)")
    parser.add_argument("--scratch", type=Path, default=Path(os.environ.get("TMPDIR", "/var/tmp")), metavar="DIR",
                        help="where images are made, on the file system to measure; room for 20 disks "
                             "(default $TMPDIR or /var/tmp)")
    parser.add_argument("--qchain", type=Path, metavar="PROGRAM", help="measure this one, instead of building it")
    parser.add_argument("--before", type=Path, metavar="PROGRAM",
                        help=f"with {' and '.join(COMPARES_BUILDS)} only: measure this other build of qchain in the "
                             "same rounds; results are printed, not kept")
    parser.add_argument("--nice", type=int, default=0, help="scheduling priority, such as -15 on a busy machine (root)")
    parser.add_argument("--publish", action="store_true",
                        help="put all results of DIR, from this and earlier runs, of disks of 1 GiB or more, into docs/ "
                             "and the README; what is there of other groups stays")
    parser.add_argument("--list", action="store_true", help="list the subsets, measure nothing")
    options = parser.parse_args(words)
    unknown = [name for name in options.subset if name not in [*names, *ALONE]]
    if unknown:
        parser.error(f"no subset '{unknown[0]}'; there are: {', '.join([*names, *ALONE])}")
    if len(options.subset) > 1 and set(options.subset) & set(ALONE):
        parser.error(f"{' and '.join(ALONE)} go alone")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.before and (not options.subset or set(options.subset) - set(COMPARES_BUILDS)):
        parser.error(f"--before goes with {' and '.join(COMPARES_BUILDS)} only")
    if options.publish and options.size not in PUBLISHED:
        parser.error(f"--publish goes with --size {' or '.join(PUBLISHED)}")
    if options.before and options.publish:
        parser.error("--before compares two builds: that is not published")
    in_ci = options.subset == ["ci"]
    options.size = SIZES[options.size or ("128M" if in_ci else USUAL)]
    options.rounds = options.rounds or (3 if in_ci else 5)
    options.seconds = options.seconds or (0.5 if in_ci else 2.0)
    return options
