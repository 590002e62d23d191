from __future__ import annotations

from facewatchd.pipeline.tally import BOUNDS, RESULTS, Tallied, Tally


def counted(look: Tallied) -> dict[str, int]:
    return {name: n for name, n in zip(RESULTS, look.results, strict=True) if n}


def test_nothing_was_read_yet() -> None:
    assert Tally().look() == Tallied()


def test_a_read_is_counted_in_its_bucket_and_in_all_larger_ones() -> None:
    tally = Tally()
    for file, took in enumerate((0.05, 0.1, 0.7, 500.0)):
        tally.begin(file, 100.0)
        tally.end(file, "read", 100.0 + took)
        tally.drop(file)
    look = tally.look()
    assert dict(zip((*BOUNDS, None), look.buckets, strict=True)) == {
        0.1: 2, 0.25: 2, 0.5: 2, 1.0: 3, 2.5: 3, 5.0: 3, 10.0: 3, 25.0: 3, 60.0: 3, 120.0: 3,
        None: 4,
    }  # fmt: skip
    assert abs(look.seconds - 500.85) < 1e-9
    assert counted(look) == {"read": 4}


def test_other_results_are_counted_without_a_time() -> None:
    tally = Tally()
    for file, result in enumerate(("failed", "failed", "known", "changed", "unsupported")):
        tally.begin(file, 0.0)
        tally.end(file, result, 9.0)
        tally.drop(file)
    look = tally.look()
    assert counted(look) == {"known": 1, "failed": 2, "unsupported": 1, "changed": 1}
    assert (look.seconds, look.buckets[-1]) == (0.0, 0)


def test_a_file_that_is_tried_again_is_timed_anew() -> None:
    tally = Tally()
    tally.begin(7, 0.0)
    tally.end(7, "changed", 60.0)
    tally.drop(7)
    tally.begin(7, 100.0)
    tally.end(7, "read", 102.0)
    assert tally.look().seconds == 2.0
