"""What the suite makes of its samples: cd bench && python3 -m unittest test_suite"""

import json
import mmap
import re
import tempfile
import unittest
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from unittest import mock

from suite.cases_readers import busy, gain, name_of
from suite.charts import chart
from suite.ci import Check, far_below, look_at
from suite.measure import Row, Sample, Series, Target, race, row_from_json, verdict
from suite.memory import cached_of
from suite.options import parse
from suite.peers import readers_for
from suite.processes import Failed
from suite.publish import publish
from suite.report import Result, markdown, save


def row(ours, peer, higher_is_better=True, floor=2.0, aim=4.0, **how):
    series = {"qchain": Series([Sample(value) for value in ours]), "peer": Series([Sample(value) for value in peer])}
    return Row("a test", "MiB/s", [Target(floor, aim, ("peer", "absent"))], higher_is_better, series=series, **how)


class Verdicts(unittest.TestCase):
    def test_ratio_is_of_medians(self):
        self.assertEqual(row([1, 30, 100], [10, 10, 500]).ratio(Target(against=("peer",))), 3)

    def test_less_is_better_where_it_is(self):
        self.assertEqual(row([2], [8], higher_is_better=False).ratio(Target(against=("peer",))), 4)

    def test_best_rounds_are_compared_where_asked(self):
        self.assertEqual(row([1, 30, 100], [10, 10, 50], use_best=True).ratio(Target(against=("peer",))), 2)

    def test_says_by_how_much_a_target_is_missed(self):
        said = [verdict(one, one.targets[0]) for one in (row([1], [1]), row([3], [1]), row([4], [1]), row([1], []))]
        self.assertEqual(said, ["floor missed by 50%", "floor met, aim missed by 25%", "aim met", "not measured"])

    def test_a_limit_is_a_peer_too(self):
        one = Row("time", "s", [Target(1, limit=1.0)], False, series={"qchain": Series([Sample(0.5)])})
        self.assertEqual(verdict(one, one.targets[0]), "met")


class Ci(unittest.TestCase):
    """Every check is given its rows, one after the other."""

    def look(self, *rows, programs=(), left=1):
        made = list(rows)
        found = look_at([Check("a check", lambda: made.pop(0), programs)], lambda: left)
        return found, len(rows) - len(made)

    def test_bears_with_noise_and_not_with_a_collapse(self):
        self.assertEqual(far_below(row([1], [2]), 1 / 5), "")
        self.assertIn("0.33 times peer; the floor is 2", far_below(row([1], [3]), 1 / 5))
        self.assertIn("0.50 times peer", far_below(row([1], [2]), 1))

    def test_looks_twice_before_it_complains(self):
        once, looks = self.look(row([1], [3]), row([1], [1]))
        self.assertEqual((len(once.seen), once.low, looks), (1, [], 2))
        twice, looks = self.look(row([1], [3]), row([1], [3]), row([1], [1]))
        self.assertEqual((twice.seen, len(twice.low), looks), ([], 1, 2))

    def test_says_what_it_skipped_and_why(self):
        found, looks = self.look(row([1], [1]), programs=("no-such-program",))
        self.assertEqual((found.skipped, found.low, looks), (["a check: no-such-program is not installed"], [], 0))
        with mock.patch("os.access", return_value=False):
            found, _ = self.look(row([1], [1]), programs=("fusermount3",))
        self.assertEqual(found.skipped, ["a check: no /dev/fuse here"])
        found, _ = self.look(row([1], [1]), left=0)
        self.assertEqual(found.skipped, ["a check: the time is up"])

    def test_a_peer_that_fails_is_skipped_and_qchain_is_not(self):
        def failing(who):
            one = row([1], [1])
            one.series[who] = Series(failure=f"{who} can't")
            return one

        found, _ = self.look(failing("peer"), failing("peer"))
        self.assertEqual((found.skipped, found.low), (["a test: no peer: peer can't"], []))
        found, _ = self.look(failing("qchain"), failing("qchain"))
        self.assertEqual((found.skipped, found.low), ([], ["a test: not measured: qchain: qchain can't"]))


class Races(unittest.TestCase):
    def test_takes_turns_and_drops_who_fails(self):
        order = []

        def runner(who):
            def once():
                order.append(who)
                if who == "b":
                    raise Failed("b can't")
                return Sample(1)
            return once

        done = race(Row("a race", "x"), {who: runner(who) for who in "abc"}, 3)
        self.assertEqual("".join(order), "abc" "ca" "ca")
        self.assertEqual(done.series["b"].failure, "b can't")
        self.assertEqual(len(done.series["a"].samples), 3)


class Gains(unittest.TestCase):
    def test_of_readers_are_those_of_their_own_rounds(self):
        one = Row("reading", "IOPS")
        for who in ("qchain", "native flat file"):
            for count, values in ((1, [10, 100]), (2, [20, 150]), (4, [30])):
                one.series[name_of(who, count)] = Series([Sample(value) for value in values])
        values = gain(one, "reading", ["qchain", "native flat file"]).series
        self.assertEqual(values["qchain, 2 readers"].values(), [2, 1.5])
        self.assertEqual(values["native flat file, 4 readers"].values(), [3])
        self.assertEqual(len(values), 4)


class Busy(unittest.TestCase):
    def test_is_what_reader_and_daemon_take_of_all_processors(self):
        row = Row("reading", "MiB/s")
        row.series["qchain, 1 reader"] = Series([Sample(2048, cpu=0.2, client_cpu=0.3)])  # 2 GiB a second
        row.series["native flat file, 1 reader"] = Series([Sample(1024, client_cpu=0.5), Sample(1024)])
        with mock.patch("os.sched_getaffinity", return_value={0, 1}):
            values = busy(row, "reading", 1 << 20).series
        self.assertAlmostEqual(values["qchain, 1 reader"].values()[0], 50)
        self.assertEqual(values["native flat file, 1 reader"].values(), [25])


class Options(unittest.TestCase):
    def test_small_disks_are_not_published(self):
        with redirect_stderr(StringIO()) as said, self.assertRaises(SystemExit):
            parse(["mount", "--publish"])
        self.assertIn("--publish goes with --size", said.getvalue())

    def test_two_builds_are_compared_but_not_published(self):
        self.assertEqual(parse(["mount", "--before", "old"]).before, Path("old"))
        with redirect_stderr(StringIO()), self.assertRaises(SystemExit):
            parse(["mount", "--size", "1G", "--before", "old", "--publish"])

    def test_two_builds_are_compared_where_readers_of_a_mount_are_measured_and_nowhere_else(self):
        self.assertEqual(parse(["readers", "mount", "--before", "old"]).before, Path("old"))
        for subset in ([], ["depth"], ["mount", "move"], ["ci"]):
            with redirect_stderr(StringIO()), self.assertRaises(SystemExit):
                parse([*subset, "--before", "old"])

    def test_the_other_build_takes_its_turns_beside_this_one(self):
        self.assertEqual([peer.name for peer in readers_for(Path("new"), (), Path("old"))], ["qchain", "qchain before"])


class Memory(unittest.TestCase):
    def test_counts_the_pages_of_a_file_that_are_in_memory(self):
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 3 * mmap.PAGESIZE)
            file.truncate(9 * mmap.PAGESIZE)  # a hole behind, that nobody read
            file.flush()
            self.assertEqual(cached_of(file.fileno()), 3 * mmap.PAGESIZE)


class Output(unittest.TestCase):
    def test_survives_json(self):
        before = row([1, 2], [3], note="why")
        self.assertEqual(row_from_json(json.loads(json.dumps(before.as_json()))), before)

    def test_tables_and_charts_hold_the_figures(self):
        result = Result("g", "A group", [row([1234], [10])], {"date": "today", "commit": "abc"}, {"size": "1 GiB"})
        self.assertIn("| a test, MiB/s | 1,234 (1,234–1,234) | 10.0 (10.0–10.0) |", markdown([result]))
        self.assertIn("1,234 MiB/s", chart("A chart", result.rows))

    def test_a_chart_with_many_contenders_has_room_for_their_names(self):
        names = [f"a contender with a long name, number {number}" for number in range(7)]
        many = Row("a test", "MiB/s", series={who: Series([Sample(1)]) for who in names})
        places = re.findall(r'<text x="(\d+)" y="(\d+)"[^>]*>(a contender[^<]*)<', chart("A chart", [many]))
        self.assertEqual([name for _, _, name in places], names)
        self.assertTrue(all(int(x) + 6.6 * len(name) < 860 for x, _, name in places))
        self.assertEqual(len({(x, y) for x, y, _ in places}), len(names))


class Published(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "docs").mkdir()
        self.page, self.readme = self.root / "docs/performance-results.md", self.root / "README.md"
        self.page.write_text("")
        self.readme.write_text("before\n<!-- bench:headline -->\n<!-- /bench -->\nbehind\n")

    def publish(self, group: str, name: str, size: str, value: float):
        measured = Row(name, "MiB/s", [Target(2, 4, ("peer",))],
                       series={"qchain": Series([Sample(value)]), "peer": Series([Sample(1)])})
        with tempfile.TemporaryDirectory() as out, redirect_stderr(StringIO()):
            save(Result(group, group, [measured], {"date": "today", "commit": "abc"}, {"load": "1", "size": size}),
                 Path(out))
            publish(Path(out), self.root)

    def test_what_is_not_measured_now_stays_in_the_order_of_groups_and_sizes(self):
        self.publish("verify", "verify a chain against a raw file, cached", "1 GiB", 5)
        self.publish("mount", "sequential 1 MiB, read again", "4 GiB", 6)
        self.publish("mount", "sequential 1 MiB, read again", "1 GiB", 7)
        self.publish("mount", "sequential 1 MiB, read again", "4 GiB", 8)
        self.assertEqual(re.findall(r"^## (.*)$", self.page.read_text(), re.MULTILINE),
                         ["mount; `--size` 1 GiB", "mount; `--size` 4 GiB", "verify; `--size` 1 GiB"])
        self.assertEqual(re.findall(r"MiB/s \| (\d)\.00 \(", self.page.read_text()), ["7", "8", "5"])

    def test_results_of_small_disks_are_left_out(self):
        with self.assertRaises(Failed):
            self.publish("mount", "sequential 1 MiB, read again", "0.25 GiB", 9)

    def test_the_readme_keeps_its_text_and_other_groups_lines(self):
        self.publish("mount", "sequential 1 MiB, read again", "4 GiB", 6)
        self.publish("verify", "verify a chain against a raw file, cached", "1 GiB", 5)
        text = self.readme.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("behind\n"))
        self.assertIn("| sequential 1 MiB, read again | 6.00 MiB/s | 1.00 MiB/s | 6.00 | aim met |", text)
        self.assertIn("| verify a chain against a raw file, cached | 5.00 MiB/s |", text)


if __name__ == "__main__":
    unittest.main()
