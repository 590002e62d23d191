"""The joining rules of other systems on the same encodings as ours, photo by photo from empty.

``python -m bench.peers [--encodings FILE.npz] [--orders N] [--json]``.  The rules of Immich,
PhotoPrism, Ente and Nextcloud's Face Recognition are written from what is documented of them, and
what they take in is compared with what the daemon's own way does, in the two settings of
bench/clustering.py.  For each of several orders of arrival people are divided in two halves
(`tuning`); the table is of the half on which nothing was chosen, mean and worst of the orders.

How a threshold is carried over is said in each row.  *own*: the documented value itself, where the
encoder is the same, dlib's.  *as strict*: it takes in the share of pairs of different people that
it takes in with its own encoder, where somebody has published that.  *tuned*: the best BCubed F1 on
the other half, in the same setting; the other rules are given that, and ours is not.

`counting` says what the columns mean; *moved* are faces that went from one group to another while
photos came, by no wish of the user.  Seconds are of these programs, of the joining alone: they
compare the rules, not the systems.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.encodings import add_options, everything
from bench.peers import ente, immich, nextcloud, photoprism
from bench.peers.counting import count
from bench.peers.ours import Ours
from bench.peers.tuning import Ground, at_share, best, halves
from bench.scales import Faces
from bench.scoring import album

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.peers.rule import Make, Rule

# Of all pairs of different people on LFW, Immich's default model takes in so many at a cosine of
# 0.55 (docs/recognition-results/2026-08-05-buffalo-l.md of github.com/archledger/irlume); at 0.50,
# Immich's default, a little more.
IMMICH_SHARE = 4e-5
_MORE_IS_BETTER = ("found", "f1")


class Peer(NamedTuple):
    """A rule of another system, or several that differ in what is tuned besides the distance.

    With ``cosines`` a distance is 1 - cosine, else L2.  ``at_once``: who is together at the end
    depends on the last run alone.
    """

    name: str
    makes: tuple[Make, ...]
    cosines: bool
    at_once: bool = False


def _photoprism(match: float) -> Make:
    """Return the rule for 1 - cosine, which is half the square of its own distance."""

    def make(encodings: NDArray[np.float32], distance: float) -> Rule:
        return photoprism.PhotoPrism(encodings, float(np.sqrt(2.0 * distance)), match)

    return make


# PhotoPrism calibrates match dist for each encoder, to 0.4 to 0.6 of cluster dist (the README.md
# that `photoprism` cites).  Less is offered too.
MATCHES = (0.1, 0.25, 0.4, photoprism.MATCH_DIST / photoprism.CLUSTER_DIST)
PEERS = (
    Peer("Immich", (immich.Immich,), cosines=True),
    Peer("PhotoPrism", tuple(map(_photoprism, MATCHES)), cosines=True),
    Peer("Ente", (ente.Ente,), cosines=True),
    Peer("Nextcloud", (nextcloud.Nextcloud,), cosines=False, at_once=True),
)


def measure(rule: Rule, ground: Ground) -> dict[str, float]:
    """Let all photos come, and return what came of it."""
    moved, seconds = 0, 0.0
    steps = [lambda photo=photo: rule.take(photo) for photo in ground.photos]
    for step in [*steps, rule.finish]:
        before = rule.groups.copy()
        start = time.perf_counter()
        step()
        seconds += time.perf_counter() - start
        moved += int(np.count_nonzero((before >= 0) & (before != rule.groups)))
    counts = count(rule.groups, ground.faces.people)
    return {**counts._asdict(), "moved": moved, "seconds": seconds}


def compare(faces: Faces, seed: int) -> dict[str, dict[str, float]]:
    """Return, by system and threshold, what one order of arrival gives."""
    chosen_on, ground = halves(faces, seed)
    rows = {"facewatchd, default": measure(Ours(*ground.faces[:2]), ground)}

    def add(row: str, make: Make, distance: float) -> None:
        rows[row] = measure(make(ground.faces.encodings, distance), ground)
        rows[row]["distance"] = distance

    as_strict = at_share(chosen_on.cosine_distances, IMMICH_SHARE)
    add("Immich, as strict", immich.Immich, as_strict)
    add("Nextcloud, own", nextcloud.Nextcloud, nextcloud.DISTANCE)
    for peer in PEERS:
        distances = chosen_on.cosine_distances if peer.cosines else chosen_on.distances
        make, distance = best(peer.makes, distances, chosen_on, at_once=peer.at_once)
        add(f"{peer.name}, tuned", make, distance)
    return rows


def over_orders(orders: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, Any]]:
    """Return by row and measure the mean and the worst of several orders."""
    report: dict[str, dict[str, Any]] = {}
    for row in orders[0]:
        report[row] = {}
        for name in orders[0][row]:
            values = [order[row][name] for order in orders]
            worst = min if name in _MORE_IS_BETTER else max
            report[row][name] = {"mean": float(np.mean(values)), "worst": float(worst(values))}
    return report


def table(report: dict[str, dict[str, Any]]) -> list[str]:
    """Return the rows of a setting as a table, mean and in brackets the worst."""
    heads = {
        "wrong": ("wrong faces", ".0f"),
        "joined": ("people joined", ".0f"),
        "found": ("people found", ".1%"),
        "questions": ("questions", ".0f"),
        "moved": ("moved", ".0f"),
        "f1": ("BCubed F1", ".3f"),
        "seconds": ("seconds", ".1f"),
    }
    lines = ["| | " + " | ".join(head for head, _ in heads.values()) + " |"]
    lines.append("|---" * (len(heads) + 1) + "|")
    for row, values in report.items():
        cells = [
            f"{values[name]['mean']:{form}} ({values[name]['worst']:{form}})"
            for name, (_, form) in heads.items()
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--orders", type=int, default=5, metavar="N", help="orders of arrival")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    faces = everything(options.photos, options.encodings)
    settings = {"all": np.ones(len(faces.people), dtype=np.bool_), "album": album(faces.people)}
    report = {}
    for name, chosen in settings.items():
        of_setting = Faces(*(each[chosen] for each in faces))
        orders = [compare(of_setting, seed) for seed in range(options.orders)]
        report[name] = over_orders(orders)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for name, rows in report.items():
        print(f"\n{name}\n", *table(rows), sep="\n")


if __name__ == "__main__":
    main()
