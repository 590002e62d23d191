"""From the bytes of a file to its identity, upright RGB pixels and capture date, within limits."""

from facewatchd.decode.dates import capture_date, read_capture_date
from facewatchd.decode.jpeg import HASH_SIZE
from facewatchd.decode.photo import Facts, Photo, Picture
from facewatchd.decode.source import open_photo

__all__ = [
    "HASH_SIZE",
    "Facts",
    "Photo",
    "Picture",
    "capture_date",
    "open_photo",
    "read_capture_date",
]
