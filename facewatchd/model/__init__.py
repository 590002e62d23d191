"""What travels the pipeline, as frozen dataclasses.

Paths are ``bytes``: any byte string is a legal file name.  Boxes are in pixels of the upright
(EXIF orientation applied) original.  Times are seconds since 1970.
"""

from typing import TYPE_CHECKING

from facewatchd.model.engines import (
    EngineId,
    Setup,
)
from facewatchd.model.made import (
    Copy,
    Entry,
    File,
    Folder,
    Link,
    Stamp,
    Way,
)
from facewatchd.model.photos import (
    LARGEST_INTEGER,
    Box,
    Candidate,
    CaptureDate,
    DateSource,
    Detection,
    Face,
    FileStat,
    FileState,
    Look,
    PhotoResult,
    Quality,
)
from facewatchd.model.tasks import (
    Answer,
    CropFace,
    Cropped,
    Dated,
    DatePhotos,
    EncodeFaces,
    FacesEncoded,
    Hashed,
    Identity,
    Lost,
    NotReady,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoReadAgain,
    PhotoUnsupported,
    PictureForm,
    ReadAgain,
    ReadPhoto,
    Ready,
    Stuck,
    Task,
    Told,
    WorkerSettings,
)

if TYPE_CHECKING:  # the client imports this package and starts without numpy
    from facewatchd.model.photos import Encoding as Encoding

__all__ = [
    "LARGEST_INTEGER",
    "Answer",
    "Box",
    "Candidate",
    "CaptureDate",
    "Copy",
    "CropFace",
    "Cropped",
    "DatePhotos",
    "DateSource",
    "Dated",
    "Detection",
    "EncodeFaces",
    "EngineId",
    "Entry",
    "Face",
    "FacesEncoded",
    "File",
    "FileStat",
    "FileState",
    "Folder",
    "Hashed",
    "Identity",
    "Link",
    "Look",
    "Lost",
    "NotReady",
    "PhotoChanged",
    "PhotoFailed",
    "PhotoRead",
    "PhotoReadAgain",
    "PhotoResult",
    "PhotoUnsupported",
    "PictureForm",
    "Quality",
    "ReadAgain",
    "ReadPhoto",
    "Ready",
    "Setup",
    "Stamp",
    "Stuck",
    "Task",
    "Told",
    "Way",
    "WorkerSettings",
]
