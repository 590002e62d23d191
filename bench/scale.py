"""Time and memory of clustering from 10,000 to a million faces, beside scikit-learn's DBSCAN.

``python -m bench.scale --encodings FILE.npz [--sizes 10000 50000 ...] [--json]`` makes libraries of
so many faces (bench/synthetic.py) from the labelled ones of FILE.npz, and clusters each of them
with dbscan, with the default, and with scikit-learn, one after another, each in a process of its
own, where libraries are loaded and the float32 encodings in memory before the clock starts.
scikit-learn's labels are those of the float64 distance, which is the definition, when it is given
float64; so making that is a part of its run.  Labels of dbscan are compared with its.  What takes
more than ``--limit`` seconds or ``--memory`` gigabytes is ended and said to be.

Then ``--added`` faces are added to ``--to`` others, and as many taken away: what dbscan and the
default need with what they know of the others, beside full runs.
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
from bench.child import DidNotFitError, Measured, alone
from bench.clusterers import MIN_SAMPLES, ready, warm_up
from bench.comparison import DEFAULT
from bench.libraries import load
from bench.report import lines
from facewatchd import plugins
from facewatchd.clustering.cores import Cores
from facewatchd.clustering.recipe import Known, group_known, learn
from facewatchd.config import DEFAULT_ENCODER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.libraries import Library, Numbers
    from facewatchd.plugins import Scale

SIZES = (10_000, 50_000, 100_000, 200_000, 1_000_000)
_THEIRS = "scikit-learn"


def scikit_learn(path: Path, eps: float) -> Callable[[], Numbers]:
    """Return the run of scikit-learn's DBSCAN on the faces of ``path``."""
    from sklearn.cluster import DBSCAN  # noqa: PLC0415 - after memory is limited

    warm_up()
    encodings = load(path).encodings
    search = DBSCAN(eps=eps, min_samples=MIN_SAMPLES, n_jobs=-1)
    return lambda: np.asarray(search.fit(encodings.astype(np.float64)).labels_, dtype=np.int64)


class Dbscan:
    """DBSCAN with what it knows of faces from the run before."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def learn(
        self, library: Library, before: Cores | None = None, was: Numbers | None = None
    ) -> Cores:
        """Return what is known of ``library``, of which ``was`` says what is known ``before``."""
        if before is None or was is None:
            return Cores.of(library.encodings, self._scale.eps, MIN_SAMPLES)
        return before.after(library.encodings, was)

    def labels(self, library: Library, known: Cores) -> Numbers:
        """Return the cluster of each face."""
        return known.labels(library.encodings)


class Default:
    """The default with what it knows of faces from the run before."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def learn(
        self, library: Library, before: Known | None = None, was: Numbers | None = None
    ) -> Known:
        """Return what is known of ``library``, of which ``was`` says what is known ``before``."""
        return learn(
            library.encodings,
            eps=self._scale.eps,
            min_samples=MIN_SAMPLES,
            merge=self._scale.merge,
            before=before,
            was=was,
        )

    def labels(self, library: Library, known: Known) -> Numbers:
        """Return the cluster of each face."""
        return group_known(library.encodings, library.photos, known, merge=self._scale.merge)


def in_full(path: Path, which: Numbers, algorithm: Dbscan | Default) -> Callable[[], Numbers]:
    """Return a full run of ``algorithm`` on the faces ``which`` of ``path``."""
    warm_up()
    library = load(path).some(which)
    return lambda: _run(algorithm, library)


def what_changed(
    path: Path, before: Numbers, after: Numbers, algorithm: Dbscan | Default
) -> Callable[[], Numbers]:
    """Return the run of ``algorithm`` on the faces ``after``, where those ``before`` are known."""
    warm_up()
    everyone = load(path)
    library = everyone.some(after)
    was = np.full(len(everyone.people), -1)
    was[before] = np.arange(len(before))
    known: Any = algorithm.learn(everyone.some(before))
    return lambda: _run(algorithm, library, known, was[after])


def _run(
    algorithm: Any, library: Library, before: object = None, was: Numbers | None = None
) -> Numbers:
    found: Numbers = algorithm.labels(library, algorithm.learn(library, before, was))
    return found


def sizes(
    real: Library, counts: list[int], scale: Scale, limit: float, memory: float
) -> dict[str, Any]:
    """Return for each of ``counts`` what each algorithm took, and how ours compare."""
    report = {}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
            path = Path(folder) / "made.npz"
            synthetic.save(synthetic.make(real, count), path)
            everyone = np.ones(count, dtype=np.bool_)
            found: dict[str, Measured[Numbers]] = {}
            row = report[f"{count:,} faces"] = dict[str, Any]()
            for name, prepare, arguments in (
                ("dbscan", ready, (path, everyone, "dbscan", scale, {})),
                (DEFAULT, ready, (path, everyone, DEFAULT, scale, {})),
                (_THEIRS, scikit_learn, (path, scale.eps)),
            ):
                try:
                    found[name] = alone(prepare, *arguments, seconds=limit, gigabytes=memory)
                    row[name] = _figures(found[name])
                except DidNotFitError as reason:
                    row[name] = str(reason)
                print(f"{count:,} faces, {name}: {row[name]}", file=sys.stderr, flush=True)
            if found.keys() >= {"dbscan", _THEIRS}:
                row["dbscan beside scikit-learn"] = _compared(found["dbscan"], found[_THEIRS])
    return report


def incremental(real: Library, count: int, added: int, scale: Scale) -> dict[str, Any]:
    """Return what both take when ``added`` faces come to ``count``, and when as many go."""
    everyone = np.arange(count + added)
    others = np.sort(np.random.default_rng(0).permutation(everyone)[:count])
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="facewatchd-bench-") as folder:
        path = Path(folder) / "made.npz"
        synthetic.save(synthetic.make(real, count + added), path)
        for change, before, after in (("added", others, everyone), ("gone", everyone, others)):
            for name, algorithm in (("dbscan", Dbscan(scale)), (DEFAULT, Default(scale))):
                full = alone(in_full, path, after, algorithm)
                part = alone(what_changed, path, before, after, algorithm)
                found = {"in full": _figures(full), "what changed": _figures(part)}
                report[f"{name}, {change}"] = found | _compared(part, full)
                print(f"{added:,} {change}, {name}: {found}", file=sys.stderr, flush=True)
    return {f"{added:,} faces beside {count:,}": report}


def _figures(measured: Measured[Numbers]) -> dict[str, float]:
    return {
        "seconds": measured.seconds,
        "rise of peak memory (MB)": measured.rise,
        "peak (MB)": measured.peak,
        "clusters": int(measured.result.max(initial=-1)) + 1,
    }


def _compared(ours: Measured[Numbers], theirs: Measured[Numbers]) -> dict[str, Any]:
    return {
        "same labels": bool(np.array_equal(ours.result, theirs.result)),
        "share of the time": ours.seconds / theirs.seconds,
        "share of the memory": ours.rise / max(theirs.rise, 0.1),
    }


def main() -> None:
    """Make, cluster and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encodings", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--limit", type=float, default=7200, help="seconds for one run")
    parser.add_argument("--memory", type=float, default=12, help="gigabytes for one run")
    parser.add_argument("--to", type=int, default=200_000, help="0 leaves this part out")
    parser.add_argument("--added", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        real = load(options.encodings)
    except ValueError as error:
        parser.error(str(error))
    scale = plugins.encoder(DEFAULT_ENCODER).scale
    report = sizes(real, options.sizes, scale, options.limit, options.memory)
    if options.to:
        report |= incremental(real, options.to, options.added, scale)
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


if __name__ == "__main__":
    main()
