"""Find and encode the faces of a photo: python encode_photo.py PHOTO.npy.

PHOTO.npy holds upright RGB pixels, uint8 (H, W, 3), saved by numpy from whatever decoded them.
"""

import sys

import numpy as np

from facewatchd.engines import Setup, detector, encoder

pixels = np.load(sys.argv[1])
setup = Setup(longest_side=1000)
faces = detector("cnn")(setup).detect(pixels)
encodings = encoder("dlib")(setup).encode(pixels, faces)
scale = encoder("dlib").scale

for number, (face, encoding) in enumerate(zip(faces, encodings, strict=True)):
    similarities = scale.similarity_at(np.linalg.norm(encodings[:number] - encoding, axis=1))
    print(number, face.box, f"confidence {face.confidence:.2f}", similarities.round(2))
