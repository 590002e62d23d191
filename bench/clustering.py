"""How well and how fast a clusterer groups encodings, and how all of them compare.

``python -m bench.clustering --encodings FILE.npz --algorithm NAME [--labels-out FILE.npy]
[--json]`` clusters all faces of the file with the defaults of the algorithm and the distances of
the default encoder (``--encoder NAME``: of another one; ``--options KEY=VALUE ...``: options of the
algorithm).  The file has X (N, D) float32, and optionally lab (N,), the person of each face or -1
where that is not known, and photo (N,), the photo of each face.  It prints the seconds that it
took, by how much the peak of memory rose meanwhile, and, with lab, precision, recall and F1,
pairwise and BCubed, of the faces with a person, in the two settings of a fair test: ``all``, and
``album``, which is everyone with 20 faces or more together with 1,000 people who appear once, and
whoever else is in their photos.  A face in no cluster is a cluster of its own.  Each run has a
process of its own.

``python -m bench.clustering --encodings FILE.npz --compare`` compares all algorithms on random
halves of the people, see bench/comparison.py; ``--markdown`` prints the tables for a document.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import comparison
from bench.child import alone
from bench.clusterers import ready, settings_of
from bench.libraries import load
from bench.report import lines
from bench.scoring import scores
from facewatchd import plugins
from facewatchd.config import DEFAULT_ENCODER
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from bench.libraries import Library, Numbers


def main() -> None:
    """Cluster, score and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encodings", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--algorithm", default=comparison.DEFAULT)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="whose distances are used")
    parser.add_argument("--options", nargs="*", default=[], metavar="KEY=VALUE", type=_option)
    parser.add_argument("--labels-out", type=Path, metavar="FILE.npy")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--halves", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        library = load(options.encodings)
        scale = plugins.encoder(options.encoder).scale
        if options.compare:
            report = comparison.compare(library, scale, options.halves, options.processes)
        else:
            report, labels = _run(options, library, scale)
            if options.labels_out:
                np.save(options.labels_out, labels)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    except PluginError as error:
        parser.error(f"{error.title} {error.remedy}")
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(comparison.tables(report) if options.markdown else lines(report)))


def _run(
    options: argparse.Namespace, library: Library, scale: plugins.Scale
) -> tuple[dict[str, Any], Numbers]:
    """Return what each setting took and how good it was, and the labels of all faces."""
    chosen = dict(options.options)
    report: dict[str, Any] = {
        "algorithm": options.algorithm,
        "encoder": options.encoder,
        "options": chosen,
    }
    found = {}
    for name, which in settings_of(library).items():
        measured = alone(ready, options.encodings, which, options.algorithm, scale, chosen)
        found[name] = labels = measured.result
        people = library.people[which]
        report[name] = {
            "faces": len(labels),
            "scored": int(np.count_nonzero(people >= 0)),
            "clusters": int(labels.max(initial=-1)) + 1,
            "in a cluster": int(np.count_nonzero(labels >= 0)),
            "seconds": measured.seconds,
            "rise of peak memory (MB)": measured.rise,
        }
        if (people >= 0).any():
            report[name] |= scores(labels[people >= 0], people[people >= 0])
    return report, found["all"]


def _option(text: str) -> tuple[str, Any]:
    """Return KEY and VALUE of KEY=VALUE; the value as JSON has it, else as text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


if __name__ == "__main__":
    main()
