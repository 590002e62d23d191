"""The steps of three projects, written plainly with the libraries that they use.

``python -m bench.presets.plain NAME PHOTOS [--models PACK] [--clusters K] [--detector D]`` prints
as JSON for each photo of the folder the cluster of each of its faces, from left to right.

What is plain stays plain: one process, one photo after the other, pictures as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = {".jpg", ".jpeg", ".png"}
_MULTIPLE = 32  # pixels that each side of what SCRFD looks at is a multiple of

# By photo: the left edge and the encoding of each face.
Faces = dict[str, list[tuple[float, Any]]]


def photos_in(folder: Path) -> list[Path]:
    """Return the photos below ``folder``."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _NAMES)


def with_insightface(folder: Path, pack: Path) -> Faces:
    """Find and encode faces as InsightFace's own example does, but at the size of each photo.

    The example enlarges or shrinks every photo to 640 x 640; in a portrait of 150 x 150 the face is
    then too large for the small detector (SCRFD 500M), which finds it in none of 40.
    """
    app = import_module("insightface.app").FaceAnalysis(
        str(pack), allowed_modules=["detection", "recognition"]
    )
    faces: Faces = {}
    for path in photos_in(folder):
        picture = import_module("cv2").imread(str(path))
        size = tuple(-(-side // _MULTIPLE) * _MULTIPLE for side in picture.shape[1::-1])
        app.prepare(ctx_id=-1, det_size=size)
        found = app.get(picture)
        faces[_name(path, folder)] = [(face.bbox[0], face.normed_embedding) for face in found]
    return faces


def with_face_recognition(folder: Path, detector: str) -> Faces:
    """Find and encode faces as every tutorial of face_recognition does."""
    import face_recognition  # noqa: PLC0415 - of this script alone

    faces: Faces = {}
    for path in photos_in(folder):
        picture = face_recognition.load_image_file(path)
        boxes = face_recognition.face_locations(picture, model=detector)
        encodings = face_recognition.face_encodings(picture, boxes)
        lefts = [box[3] for box in boxes]
        faces[_name(path, folder)] = list(zip(lefts, encodings, strict=True))
    return faces


def clustered(faces: Faces, cluster: Callable[[Any], Any]) -> dict[str, list[int]]:
    """Return the cluster of each face, from left to right in each photo."""
    in_order = {name: sorted(found, key=lambda face: face[0]) for name, found in faces.items()}
    names = [name for name, found in in_order.items() for _ in found]
    labels = cluster(np.array([encoding for found in in_order.values() for _, encoding in found]))
    answer: dict[str, list[int]] = {name: [] for name in in_order}
    for name, label in zip(names, labels.tolist(), strict=True):
        answer[name].append(label)
    return answer


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder))


def main() -> None:
    """Do the steps of one project."""
    from sklearn.cluster import DBSCAN, KMeans  # noqa: PLC0415 - after the arguments are read

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--models", type=Path, help="the pack of models, for InsightFace")
    parser.add_argument("--clusters", type=int, default=4)
    parser.add_argument("--detector", default="cnn")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # these libraries call what others are about to remove
    with contextlib.redirect_stdout(sys.stderr):  # insightface prints there
        match options.name:
            case "insightface-kmeans":
                faces = with_insightface(options.photos, options.models)
                kmeans = KMeans(options.clusters, n_init=10, random_state=0)
                found = clustered(faces, lambda all_: kmeans.fit(all_).labels_)
            case "face-recognition-dbscan":
                faces = with_face_recognition(options.photos, "hog")
                dbscan = DBSCAN(eps=0.32, min_samples=2)
                found = clustered(faces, lambda all_: dbscan.fit(all_).labels_)
            case "hog-cnn-montage":
                faces = with_face_recognition(options.photos, options.detector)
                dbscan = DBSCAN(metric="euclidean", n_jobs=-1)
                found = clustered(faces, lambda all_: dbscan.fit(all_).labels_)
            case _:
                parser.error(f"no project is called {options.name!r}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
