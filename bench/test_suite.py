"""What the suite makes of its samples: cd bench && python3 -m unittest test_suite"""

import json
import unittest

from suite.charts import chart
from suite.ci import far_below
from suite.measure import Row, Sample, Series, Target, race, row_from_json, verdict
from suite.processes import Failed
from suite.report import Result, markdown


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

    def test_ci_bears_with_noise_and_not_with_a_collapse(self):
        self.assertEqual(far_below([row([1], [2])]), [])
        self.assertEqual(len(far_below([row([1], [3])])), 1)
        self.assertEqual(len(far_below([row([1], [])])), 1)


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


class Output(unittest.TestCase):
    def test_survives_json(self):
        before = row([1, 2], [3], note="why")
        self.assertEqual(row_from_json(json.loads(json.dumps(before.as_json()))), before)

    def test_tables_and_charts_hold_the_figures(self):
        result = Result("g", "A group", [row([1234], [10])], {"date": "today", "commit": "abc"}, {"size": "1 GiB"})
        self.assertIn("| a test, MiB/s | 1,234 (1,234–1,234) | 10.0 (10.0–10.0) |", markdown([result]))
        self.assertIn("1,234 MiB/s", chart("A chart", result.rows))


if __name__ == "__main__":
    unittest.main()
