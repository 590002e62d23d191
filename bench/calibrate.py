"""What ``facewatchctl calibrate`` would say of LFW, had its owner confirmed every labelled face.

``python -m bench.calibrate [--encodings FILE.npz] [--at-least N] [--json]``.  Everyone with so many
photos or more (2 by default) is settled and confirmed.  Pairs come from the photos that show more
than one face.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import numpy as np

from bench.encodings import SCALE, add_options, everything
from facewatchd.calibrate import Known, calibrate
from facewatchd.clustering.looks import looks_of
from facewatchd.model import Look


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--at-least", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    faces = everything(options.photos, options.encodings)
    counts = np.bincount(faces.people[faces.people >= 0])
    settled = (faces.people >= 0) & (counts[faces.people] >= options.at_least)
    looks: list[Look] = []
    for person in np.unique(faces.people[settled]):
        own = faces.encodings[faces.people == person]
        for members in looks_of(own, SCALE.merge):
            centroid = own[members].mean(axis=0, dtype=np.float64)
            looks.append(Look(len(looks), str(person), centroid, len(members), 0.0))
    people = [
        str(person) if known else None for person, known in zip(faces.people, settled, strict=True)
    ]
    known = [
        Known(face, int(photo), encoding, person, person, person is not None)
        for face, (photo, encoding, person) in enumerate(
            zip(faces.photos, faces.encodings, people, strict=True)
        )
    ]
    found = calibrate(known, looks, SCALE)
    if options.json:
        print(json.dumps(asdict(found), indent=2))
        return
    print("| similarity at least | given | to a wrong one | strangers taken in | pairs joined |")
    print("|---|---|---|---|---|")
    for similarity, *shares in found.rows:
        cells = (f"{each.share:.2%} ({each.low:.2%} to {each.high:.2%})" for each in shares)
        print(f"| {similarity:.2f} | {' | '.join(cells)} |")
    of = ", ".join(
        f"{name} {share.tries}"
        for name, share in zip(found.rows[0]._fields[1:], found.rows[0][1:], strict=True)
    )
    print(f"\nof: {of}; {len(found.aside)} pairs set aside. {found.why}")


if __name__ == "__main__":
    main()
