"""Whatever a decoder raises, as an error of the one photo that it decodes."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import UnidentifiedImageError

from facewatchd.decode.formats import our_own_limits
from facewatchd.errors import PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

COPY_ANEW = "Copy it anew from its source; it is tried again when the file changes."
_NOT_A_PICTURE = (
    "Remove it, or give it the suffix of what it is; it is tried again when it changes."
)


@contextmanager
def decoding(data: bytes) -> Iterator[None]:
    """Turn whatever a decoder of ``data`` raises into a PhotoError; what it warns of is dropped.

    MemoryError stays what it is.
    """
    try:
        with warnings.catch_warnings(action="ignore"), our_own_limits():
            yield
    except (PhotoError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:
        # Decoders raise whatever a damaged file leads them to: OSError, SyntaxError, KeyError,
        # struct.error; none of them is an error of ours, and each costs this one photo.
        if _lacks_memory(str(error)):
            raise MemoryError(str(error)) from error
        raise _damaged(error) from error


def _unidentified(data: bytes) -> PhotoError:
    starts = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"RIFF": "WebP"}
    starts |= {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"BM": "BMP"}
    name = next((name for start, name in starts.items() if data.startswith(start)), None)
    if data[4:8] == b"ftyp":
        name = "HEIF or AVIF"
    if name is None:
        return PhotoError("This is not a picture that can be read.", _NOT_A_PICTURE)
    return PhotoError(f"The file is damaged: it starts as {name} and cannot be read.", COPY_ANEW)


def _lacks_memory(words: str) -> bool:
    """Tell libheif's failed allocation from its refusal of a bomb, which has the same title."""
    return words.startswith("Memory allocation error") and "ecurity limit" not in words


def _damaged(error: Exception) -> PhotoError:
    words = str(error) or type(error).__name__
    what = "truncated" if "truncated" in words.lower() or "end of file" in words else "damaged"
    return PhotoError(f"The file is {what}: {words.rstrip('.')}.", COPY_ANEW)
