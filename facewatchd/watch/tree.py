"""The tree of watched folders: each knows its parent and its name, so a rename is one change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Folder:
    """A watched folder.  ``name`` is the whole path of the root; a leaf has no dict of children."""

    __slots__ = ("children", "name", "parent", "wd")

    def __init__(self, wd: int, name: bytes) -> None:
        self.wd = wd
        self.name = name
        self.parent: Folder | None = None
        self.children: dict[bytes, Folder] | None = None

    def child(self, name: bytes) -> Folder | None:
        """Return the watched folder ``name`` in this one."""
        return None if self.children is None else self.children.get(name)

    def all(self) -> Iterator[Folder]:
        """Yield this folder and all below it."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            if folder.children:
                waiting.extend(folder.children.values())

    def __contains__(self, other: Folder) -> bool:
        """Whether ``other`` is this folder or below it."""
        above: Folder | None = other
        while above is not None and above is not self:
            above = above.parent
        return above is self


class Tree:
    """Folders by the number of their watch, hung up below the root or adrift.

    Adrift is what was moved away: until it is known where to, it has no path.
    """

    def __init__(self, root: bytes, wd: int) -> None:
        self.root = Folder(wd, root.rstrip(b"/"))
        self.adrift: set[Folder] = set()
        self._by_wd = {wd: self.root}

    def __len__(self) -> int:
        return len(self._by_wd)

    def __contains__(self, folder: Folder) -> bool:
        return self._by_wd.get(folder.wd) is folder

    def get(self, wd: int) -> Folder | None:
        """Return the folder of a watch."""
        return self._by_wd.get(wd)

    def path(self, folder: Folder) -> bytes | None:
        """Return where ``folder`` is, None below one that is adrift."""
        names = []
        while folder.parent is not None:
            names.append(folder.name)
            folder = folder.parent
        if folder is not self.root:
            return None
        names.append(folder.name)
        return b"/".join(reversed(names)) if len(names) > 1 else folder.name or b"/"

    def add(self, parent: Folder, name: bytes, wd: int) -> Folder:
        """Hang up a folder that is newly watched."""
        folder = self._by_wd[wd] = Folder(wd, name)
        self._hang(folder, parent)
        return folder

    def move(self, folder: Folder, parent: Folder, name: bytes) -> None:
        """Hang up ``folder`` elsewhere, with all below it."""
        self._take_down(folder)
        self.adrift.discard(folder)
        folder.name = name
        self._hang(folder, parent)

    def set_adrift(self, folder: Folder) -> None:
        """Take ``folder`` from its place, with all below it, and keep it until it is found."""
        self._take_down(folder)
        self.adrift.add(folder)

    def forget(self, folder: Folder) -> None:
        """Remove ``folder``, whose watch has ended; what still hangs below it is adrift."""
        for child in list((folder.children or {}).values()):
            self.set_adrift(child)
        self._take_down(folder)
        self.adrift.discard(folder)
        del self._by_wd[folder.wd]

    def forget_adrift(self) -> list[int]:
        """Remove all that is adrift, and return the numbers of their watches."""
        gone = [folder.wd for top in self.adrift for folder in top.all()]
        for wd in gone:
            del self._by_wd[wd]
        self.adrift.clear()
        return gone

    def _hang(self, folder: Folder, parent: Folder) -> None:
        folder.parent = parent
        if parent.children is None:
            parent.children = {}
        parent.children[folder.name] = folder

    def _take_down(self, folder: Folder) -> None:
        parent, folder.parent = folder.parent, None
        siblings = parent.children if parent is not None else None
        if parent is not None and siblings and siblings.get(folder.name) is folder:
            del siblings[folder.name]
            if not siblings:
                parent.children = None
