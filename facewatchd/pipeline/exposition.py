"""Prometheus's text format, version 0.0.4; pure.

The format is described in the documentation of Prometheus, "Exposition formats".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Sample(NamedTuple):
    """One figure; ``suffix`` is that of a histogram's series: ``_bucket``, ``_sum``, ``_count``."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """A metric: its name, its type (gauge, counter, histogram), what it tells, and its figures."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> bytes:
    """Return ``families`` as the text that Prometheus reads, UTF-8; those without figures too."""
    lines = []
    for family in families:
        told = family.help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {family.name} {told}", f"# TYPE {family.name} {family.kind}"]
        for value, labels, suffix in family.samples:
            pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            shown = f"{family.name}{suffix}" + (f"{{{pairs}}}" if pairs else "")
            lines.append(f"{shown} {_number(value)}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _escaped(text: str) -> str:
    # What is no Unicode becomes \udcNN here, so that its backslash is escaped as well.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
