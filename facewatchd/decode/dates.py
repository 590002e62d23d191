"""When a photo was taken: from its EXIF, else its file's name, else its file's time."""

from __future__ import annotations

import os
import re
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PIL import ExifTags

from facewatchd.decode.formats import open_picture
from facewatchd.decode.source import open_photo
from facewatchd.model import CaptureDate, DateSource

if TYPE_CHECKING:
    from PIL import Image

FIRST_PHOTOGRAPH = datetime(1826, 1, 1, tzinfo=UTC).timestamp()
_CLOCKS_MAY_DIFFER = 2 * 24 * 3600

_IN_EXIF = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")
# 20190131, 2019-01-31, 2019_01_31, 2019.01.31, then maybe a time: 142233, 14.22.33, 14-22-33, with
# or without milliseconds (PXL_20210102_030405678).
_IN_NAME = re.compile(
    rb"(?<!\d)(\d{4})([-_. ]?)(\d\d)\2(\d\d)"
    rb"(?:(?:[-_. T]| at |, )?(\d\d)([-_.:h]?)(\d\d)\6(\d\d)(?:\d{3})?)?(?!\d)"
)


def capture_date(taken: float | None, path: bytes, mtime: float, now: float) -> CaptureDate:
    """Return the best date there is; what is older than photography or in the future is ignored.

    ``taken`` is what the EXIF says, ``path`` the file's path, ``mtime`` its time.
    """
    latest = now + _CLOCKS_MAY_DIFFER
    for at, source in ((taken, DateSource.EXIF), (_date_in_name(path), DateSource.NAME)):
        if at is not None and FIRST_PHOTOGRAPH <= at <= latest:
            return CaptureDate(at, source)
    return CaptureDate(mtime, DateSource.FILE)


def read_capture_date(path: bytes, now: float) -> CaptureDate:
    """Return the capture date of the file at ``path`` from its header alone; OSError if it is gone.

    A file that is no picture, or a broken one, is dated by its name or time.
    """
    with open_photo(path) as file:
        mtime = os.fstat(file.fileno()).st_mtime
        try:
            with warnings.catch_warnings(action="ignore"), open_picture(file) as image:
                taken = exif_date(image.getexif())
        except Exception:  # noqa: BLE001 - decoders raise anything; reading the photo tells why
            taken = None
    return capture_date(taken, path, mtime, now)


def exif_date(exif: Image.Exif) -> float | None:
    """Return when a picture was taken, else digitised, else changed, as its EXIF says."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    values = (
        details.get(ExifTags.Base.DateTimeOriginal),
        details.get(ExifTags.Base.DateTimeDigitized),
        exif.get(ExifTags.Base.DateTime),
    )
    dates = (_seconds(_IN_EXIF.match(str(value).strip())) for value in values if value)
    return next((at for at in dates if at is not None and at >= FIRST_PHOTOGRAPH), None)


def _date_in_name(path: bytes) -> float | None:
    found = _IN_NAME.search(os.path.basename(path))
    if found is None:
        return None
    year, _, month, day, hour, _, minute, second = found.groups()
    return _timestamp(year, month, day, hour, minute, second)


def _seconds(match: re.Match[str] | None) -> float | None:
    return None if match is None else _timestamp(*match.groups())


def _timestamp(*parts: str | bytes | None) -> float | None:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # 0000:00:00, month 13
        return None
