"""Pure: the names of people, and the folders that they come to.

A name is free text of any script and is shown as it was given.  Its folder is safe on Linux and on
Windows, so that a network share shows it as it is.  `portable` does the same to names of photos.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING

from facewatchd.errors import DecisionError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME = 200  # characters
_LONGEST_FOLDER = 255  # bytes: NAME_MAX of every Linux file system
_OURS = ("_doubtful", "_ignored")
_NUMBERED = re.compile(r"person_[0-9]{4,}")
# Cc, the separators of lines and paragraphs, and what Unicode calls embeddings, overrides and
# isolates (UAX #9): in a list or a terminal they would reorder the text around a name.
_DISTURBING = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_NOT_IN_NAMES = re.compile(f"[{_DISTURBING}]")
_NOT_IN_FOLDERS = re.compile(rf'[/\\:*?"<>|{_DISTURBING}]')
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties: nothing is drawn for them, and
# ext4, where it ignores case, ignores them too.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# "Naming Files, Paths, and Namespaces" of Microsoft; a device whatever extension it has.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *", re.IGNORECASE)
_JOINER = "\u200d"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


def checked_name(text: str) -> str:
    """Return ``text`` as a person's name: in NFC, without space around it.

    Raises DecisionError for what is no name: nothing that can be seen, ``.`` and ``..``, more than
    200 characters, a character that disturbs the text around it or that is none.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > LONGEST_NAME:
        raise DecisionError(
            f"A name of {len(name):,} characters is too long.",
            f"Give one of at most {LONGEST_NAME} characters.",
        )
    wrong = _NOT_IN_NAMES.search(name)
    if wrong is not None:
        raise DecisionError(
            f"The character U+{ord(wrong[0]):04X} cannot be in a name: {name!a}.",
            "Leave it out; line ends, control characters and changes of the writing direction"
            " are refused.",
        )
    if name in {".", ".."} or not _INVISIBLE.sub("", name).strip():
        raise DecisionError(
            f"{text!a} is no name.", "Give a name with at least one letter, digit or sign."
        )
    return name


def same_name(one: str, other: str) -> bool:
    """Whether two names are equal in NFC without regard to case."""
    return folded(one) == folded(other)


def folded(text: str) -> str:
    """Return what ``text`` is to somebody who ignores case and normalises Unicode."""
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.casefold())


def portable(name: str) -> str:
    """Return the name of a photo as Windows, FAT and exFAT take it too.

    What they refuse is ``_``, also bytes that are no text (surrogates of `os.fsdecode`); dots and
    spaces at the end are left out, and a name that is kept for devices gets a ``_`` behind it.
    """
    return _no_device(_NOT_IN_FOLDERS.sub("_", name).rstrip(" .")) or "_"


def folder_names(people: Mapping[str, tuple[str | None, int | None]]) -> dict[str, bytes]:
    """Return the folder of everyone in ``people``: id -> (name, folder number).

    Whoever has no name is ``person_0001`` by the number (which no two share), and without a
    number has no folder.  A folder is legal on Linux and Windows and differs from all others when
    compared in NFC, without case and without invisible characters.  The lowest number of those
    who would share one has it as it is, the next ones with `` (2)``, `` (3)``: whoever comes later
    has a higher number and renames nobody.
    """
    folders: dict[str, str] = {}
    taken = set(_OURS)
    tried: dict[str, int] = {}

    def is_free(key: str, number: int | None) -> bool:
        # The number of somebody else, maybe of somebody who is not there yet, is not free.
        owned = number is not None and key == _numbered(number)
        return key not in taken and (owned or _NUMBERED.fullmatch(key) is None)

    for person, (name, number) in sorted(people.items(), key=_by_number):
        if name is None:
            if number is None:
                continue
            folder = _numbered(number)
        else:
            plain = _key(_folder(name))
            for copy in count(tried.get(plain, 1)):
                folder = _folder(name, f" ({copy})" if copy > 1 else "")
                if is_free(_key(folder), number):
                    break
            tried[plain] = copy
        folders[person] = folder
        taken.add(_key(folder))
    return {person: folder.encode() for person, folder in folders.items()}


def _by_number(entry: tuple[str, tuple[str | None, int | None]]) -> tuple[bool, int, str]:
    person, (_, number) = entry
    return number is None, number or 0, person


def _numbered(number: int) -> str:
    return f"person_{number:04d}"


def _key(folder: str) -> str:
    """Return what is equal for folders that no disk may have to tell apart."""
    return folder.lower() if folder.isascii() else folded(_INVISIBLE.sub("", folder))


def _folder(name: str, suffix: str = "") -> str:
    """Return ``name`` as a folder that ends with ``suffix`` (ASCII)."""
    room = _LONGEST_FOLDER - len(suffix)
    # Windows drops dots and spaces at the end; a dot at the beginning hides a folder on Linux.
    legal = _NOT_IN_FOLDERS.sub("_", unicodedata.normalize("NFC", name)).strip(" .")
    legal = _cut(_no_device(_cut(legal, room)), room)
    return (legal or "_") + suffix


def _no_device(name: str) -> str:
    stem, dot, extension = name.partition(".")
    return f"{stem}_{dot}{extension}" if _DEVICES.fullmatch(stem) else name


def _cut(text: str, room: int) -> str:
    """Cut ``text`` to at most ``room`` bytes of UTF-8, if possible between what is drawn as one."""
    encoded = text.encode()
    if len(encoded) <= room:
        return text
    longest = len(encoded[:room].decode(errors="ignore"))
    end = longest
    while end and _belong_together(text[end - 1], text[end]):
        end -= 1
    return text[: end or longest].rstrip(" .")


def _belong_together(before: str, after: str) -> bool:
    return (
        unicodedata.category(after).startswith("M")
        or _JOINER in (before, after)
        or after in _SKIN_TONES
    )
