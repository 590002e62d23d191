"""The text format, read back by Prometheus's own parser."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from facewatchd.pipeline.exposition import Family, Sample, exposition


def read_back(*families: Family) -> list[tuple[str, str, str, list[tuple[str, object, float]]]]:
    return [
        (m.name, m.type, m.documentation, [(s.name, s.labels, s.value) for s in m.samples])
        for m in text_string_to_metric_families(exposition(families).decode())
    ]


def test_a_text_as_a_user_sees_it() -> None:
    text = exposition(
        [
            Family("a_files", "gauge", "Files.", (Sample(3, {"state": "done", "root": "1"}),)),
            Family("a_seconds", "gauge", "A time.", (Sample(1.5),)),
            Family("a_time", "gauge", "None yet.", ()),
        ]
    )
    assert text == (
        b"# HELP a_files Files.\n# TYPE a_files gauge\n"
        b'a_files{state="done",root="1"} 3\n'
        b"# HELP a_seconds A time.\n# TYPE a_seconds gauge\na_seconds 1.5\n"
        b"# HELP a_time None yet.\n# TYPE a_time gauge\n"
    )


def test_a_histogram_comes_back_as_one() -> None:
    samples = (
        Sample(1, {"le": "0.5"}, "_bucket"),
        Sample(2, {"le": "+Inf"}, "_bucket"),
        Sample(7.25, suffix="_sum"),
        Sample(2, suffix="_count"),
    )
    (found,) = read_back(Family("a_seconds", "histogram", "Times.", samples))
    assert found[1] == "histogram"
    assert [name for name, _, _ in found[3]] == [
        *["a_seconds_bucket"] * 2,
        "a_seconds_sum",
        "a_seconds_count",
    ]


# What may stand in a path; no lone surrogates, which are no text for anybody.
texts = st.text(st.characters(exclude_categories=["Cs"]))
# The parser takes the text apart by lines as Python does, Prometheus by \n alone.
lines = texts.map(lambda text: "\n".join(text.splitlines()))


@given(
    st.dictionaries(st.sampled_from(["path", "root", "state"]), lines),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_label_and_any_number_comes_back(labels: dict[str, str], value: float) -> None:
    ((_, _, _, samples),) = read_back(Family("a", "gauge", "It.", (Sample(value, labels),)))
    assert samples == [("a", labels, value)]


def test_a_path_that_is_no_text_is_shown_escaped() -> None:
    name = b"/caf\xe9".decode("utf-8", "surrogateescape")
    ((_, _, _, samples),) = read_back(Family("a", "gauge", "It.", (Sample(1, {"path": name}),)))
    assert samples == [("a", {"path": "/caf\\udce9"}, 1.0)]


def test_times_since_1970_keep_their_fractions() -> None:
    ((_, _, _, samples),) = read_back(Family("a", "gauge", "It.", (Sample(1795319644.9350674),)))
    assert math.isclose(samples[0][2], 1795319644.9350674, rel_tol=1e-15)
