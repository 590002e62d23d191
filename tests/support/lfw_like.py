"""A small labelled set whose distances are about as in LFW, without its photos."""

from __future__ import annotations

import numpy as np

from bench.libraries import Library

D = 128


def labelled(seed: int = 0, people: int = 150, large: int = 60) -> Library:
    """Return faces of ``people``, of whom ``large`` have five to thirty and the others one.

    Two faces of one person are about 0.44 apart, of different people about 0.82.
    """
    chance = np.random.default_rng(seed)
    sizes = np.where(np.arange(people) < large, 5 + np.arange(people) % 26, 1)
    # Faces differ more in some directions than in others, which is what makes near pairs.
    shape = 1 / np.sqrt(1 + np.arange(D))
    shape /= np.linalg.norm(shape)
    between, within = 0.49 * shape, 0.31 * shape[::-1]
    who = np.repeat(np.arange(people), sizes)
    centroids = chance.normal(size=(people, D)) * between
    encodings = centroids[who] + chance.normal(size=(len(who), D)) * within
    return Library(encodings.astype(np.float32), np.arange(len(who)), who)
