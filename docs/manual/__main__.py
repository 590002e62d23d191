"""``make man``: writes the manual pages into docs/man, where ``man -M docs/man`` finds them."""

from __future__ import annotations

from docs.manual.pages import PLACE, pages

for _path, _text in pages().items():
    _path.parent.mkdir(parents=True, exist_ok=True)
    _path.write_text(_text, encoding="ascii")
    print(_path.relative_to(PLACE.parents[1]))
