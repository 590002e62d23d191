"""From the bytes of a file to upright RGB pixels and a capture date, within limits."""

from facewatchd.decode.dates import capture_date, read_capture_date
from facewatchd.decode.picture import Picture, decode, square
from facewatchd.decode.source import open_photo

__all__ = ["Picture", "capture_date", "decode", "open_photo", "read_capture_date", "square"]
