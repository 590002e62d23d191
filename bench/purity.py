"""Whether different people are made one in a large library, by every clusterer.

``python -m bench.purity --encodings FILE.npz [--count 100000] [--siblings 50] [--algorithms ...]
[--markdown] [--json]`` makes a library (bench/synthetic.py) with so many pairs of siblings, whose
centroids are 0.35 apart, and clusters it with each algorithm.  Two people with 20 photos or more
are joined where one cluster holds at least 5 faces, and 5 %, of each.  K-Means is told how many
people there are, and left out by default: it takes hours.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import synthetic
from bench.child import DidNotFitError, alone
from bench.clusterers import ready
from bench.comparison import DEFAULT
from bench.libraries import load
from bench.report import lines
from bench.scoring import joined_people, scores, wrong_pairs
from facewatchd import plugins
from facewatchd.config import DEFAULT_ENCODER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.libraries import Numbers
    from bench.synthetic import Made
    from facewatchd.plugins import Scale

ALGORITHMS = (DEFAULT, "dbscan", "chinese_whispers", "hdbscan")


def purity(clusters: Numbers, made: Made) -> dict[str, float]:
    """Return how many people were joined in ``clusters`` (N,), and how good they are besides."""
    people = made.library.people
    siblings = set(map(tuple, made.siblings.tolist()))
    joined = joined_people(clusters, people)
    of_siblings = sum(pair in siblings for pair in joined)
    return {
        "siblings joined": of_siblings,
        "other pairs of people joined": len(joined) - of_siblings,
        "wrong pairs of faces": wrong_pairs(clusters, people),
        **scores(clusters, people),
    }


def measure(
    made: Made, algorithms: list[str], scale: Scale, limit: float, memory: float
) -> dict[str, Any]:
    """Return the purity of each of ``algorithms`` on ``made``, and what it took."""
    report: dict[str, Any] = {"made": synthetic.described(made)}
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        path = Path(folder) / "made.npz"
        synthetic.save(made, path)
        everyone = np.ones(len(made.library.people), dtype=np.bool_)
        for name in algorithms:
            try:
                run = alone(ready, path, everyone, name, scale, {}, seconds=limit, gigabytes=memory)
            except DidNotFitError as reason:
                report[name] = str(reason)
            else:
                report[name] = purity(run.result, made) | {
                    "seconds": run.seconds,
                    "rise of peak memory (MB)": run.rise,
                }
            print(f"{name}: {report[name]}", file=sys.stderr, flush=True)
    return report


def table(report: dict[str, Any]) -> Iterator[str]:
    """Yield the report as a table of a document."""
    rows = {name: found for name, found in report.items() if name != "made"}
    columns = next(list(found) for found in rows.values() if isinstance(found, dict))
    yield f"| algorithm | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, found in rows.items():
        if isinstance(found, dict):
            cells = (f"{v:,}" if isinstance(v, int) else f"{v:,.4g}" for v in found.values())
            yield f"| {name} | {' | '.join(cells)} |"
        else:
            yield f"| {name} | {found}" + " |" * len(columns)


def main() -> None:
    """Make, cluster and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encodings", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--siblings", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS))
    parser.add_argument("--limit", type=float, default=3600, help="seconds for one run")
    parser.add_argument("--memory", type=float, default=12, help="gigabytes for one run")
    parser.add_argument("--markdown", action="store_true", help="print a table for a document")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        real = load(options.encodings)
        made = synthetic.make(real, options.count, seed=options.seed, siblings=options.siblings)
    except ValueError as error:
        parser.error(str(error))
    scale = plugins.encoder(DEFAULT_ENCODER).scale
    report = measure(made, options.algorithms, scale, options.limit, options.memory)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(table(report) if options.markdown else lines(report)))


if __name__ == "__main__":
    main()
