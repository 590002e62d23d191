"""Put faces into groups, one a person: python cluster.py ENCODINGS.npy.

ENCODINGS.npy holds the encodings of N faces, float32 (N, D), each of a photo of its own, as dlib
makes them.  Without it faces of five people are made up.
"""

import sys

import numpy as np

from facewatchd.clustering.recipe import Recipe

chance = np.random.default_rng(0)
people = chance.normal(scale=0.05, size=(5, 128))
made = people[chance.integers(5, size=60)] + chance.normal(scale=0.02, size=(60, 128))
encodings = np.load(sys.argv[1]) if len(sys.argv) > 1 else made.astype(np.float32)
photos = np.arange(len(encodings))
labels = Recipe().group(encodings, photos, eps=0.32, min_samples=2, merge=0.40, reach=0.32)
for label in range(-1, labels.max() + 1):
    print("nobody" if label < 0 else label, np.flatnonzero(labels == label).tolist())
