"""The manual pages, from the commands themselves and the documents: nothing is said twice."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docs.manual import roff
from facewatchd import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PLACE = REPOSITORY / "docs" / "man"

_COMMANDS = 1  # sections of the manual
_FILES = 5
_DAEMONS = 8

_EXAMPLE = """\
roots:
  - path: /srv/photos
output: /srv/people
"""

_SAMPLE = (
    "A sample with every setting and its default is `facewatchd.yaml` in `share/doc/facewatchd` of"
    " where it is installed."
)

# Lines between fences, or lines without an empty one between them.
_BLOCK = re.compile(r"^```\w*\n(?s:(.*?))\n```$|((?:^.+$\n?)+)", flags=re.MULTILINE)

_ENVIRONMENT = [
    ("FACEWATCHD_CONFIG", "The configuration, where none is named."),
    ("FACEWATCHD_SOCKET", "The daemon's socket, where none is named (`facewatchctl`)."),
    ("STATE_DIRECTORY", "The state folder; set by systemd."),
    ("CACHE_DIRECTORY", "The folder of converted models; set by systemd."),
    ("RUNTIME_DIRECTORY", "The folder of the socket; set by systemd."),
    ("XDG_STATE_HOME, XDG_CACHE_HOME", "Where `facewatchd` in them is used instead."),
]

_PLACES = [
    ("/etc/facewatchd/facewatchd.yaml", "The configuration of the service."),
    ("~/.config/facewatchd/facewatchd.yaml", "Yours."),
    ("/var/lib/facewatchd, ~/.local/state/facewatchd", "State: store, journal, backups."),
    ("/run/facewatchd/api.sock", "The service's socket; else `api.sock` in the state folder."),
]

_SIGNALS = [
    ("SIGTERM, SIGINT", "Stop; what has been done stays done."),
    ("SIGHUP", "Read the configuration again; when the new one is bad, the former one stays."),
]


def pages() -> dict[Path, str]:
    """Return every page by where it belongs."""
    made = {_file("facewatchd.yaml", _FILES): _configuration()}
    for name, place in _scripts().items():
        module, _, attribute = place.partition(":")
        command = getattr(import_module(module), attribute)
        made[_file(name, _section(name))] = _program(name, command)
    return made


def _scripts() -> dict[str, str]:
    """Return where each of our programs begins, by its name."""
    return dict(tomllib.loads(_document("pyproject.toml"))["project"]["scripts"])


def _section(program: str) -> int:
    return _COMMANDS if program == "facewatchctl" else _DAEMONS


def _file(name: str, section: int) -> Path:
    return PLACE / f"man{section}" / f"{name}.{section}"


def _program(name: str, command: click.Command) -> str:
    """Return the page of a program."""
    context = click.Context(command, info_name=name, **command.context_settings)
    parts = [
        *_beginning(name, _section(name), _short(command)),
        roff.heading("Synopsis"),
        roff.paragraph(_usage(context)),
        roff.heading("Description"),
        *map(roff.paragraph, _help(command)),
        roff.heading("Options"),
        roff.items(_options(context)),
    ]
    if isinstance(command, click.Group):
        parts += [roff.heading("Commands"), *_commands(command, context)]
    if name == "facewatchd":
        parts += [roff.heading("Signals"), _named(_SIGNALS)]
    parts += [
        roff.heading("Exit status"),
        roff.items((roff.bold(code), roff.marked(words)) for code, words in _exit_codes()),
        roff.heading("Environment"),
        _named(_ENVIRONMENT),
        *_end(name),
    ]
    return "".join(parts)


def _configuration() -> str:
    """Return the page of the configuration, which is all of docs/configuration.md."""
    text = _document("docs/configuration.md").partition("\n")[2]
    parts = [
        *_beginning("facewatchd.yaml", _FILES, "the configuration of facewatchd"),
        roff.heading("Description"),
        *map(_block, _BLOCK.findall(text)),
        roff.heading("Example"),
        roff.verbatim(_EXAMPLE),
        roff.paragraph(roff.marked(_SAMPLE)),
        *_end("facewatchd.yaml"),
    ]
    return "".join(parts)


def _block(found: tuple[str, str]) -> str:
    """Return a block of Markdown: lines as they are, a heading, a table, or a paragraph."""
    code, text = found
    if code:
        return roff.verbatim(code)
    if text.startswith("## "):
        return roff.heading(text[3:].strip())
    if text.startswith("|"):
        head, _, *rows = (
            [c.strip() for c in line[1:-1].split(" | ")] for line in text.splitlines()
        )
        settings = "default" in head
        return roff.items((roff.bold(row[0].replace("`", "")), _meaning(row[1:], settings=settings))
                          for row in rows)  # fmt: skip
    return roff.paragraph(roff.marked(text))


def _meaning(cells: list[str], *, settings: bool) -> str:
    """Return what a row of a table says of its first cell."""
    if not settings:
        return ": ".join(map(roff.marked, cells))
    default, allowed, what = map(roff.marked, cells)
    if default == "required":
        return f"{what} (must be given: {allowed})"
    return f"{what} ({allowed}; default: {default})"


def _beginning(name: str, section: int, short: str) -> list[str]:
    said = short[:1].lower() + short[1:].rstrip(".")
    return [
        roff.head(name, section, f"facewatchd {__version__}"),
        roff.heading("Name"),
        f"{roff.escaped(name)} \\- {roff.escaped(said)}\n",
    ]


def _end(name: str) -> Iterator[str]:
    """Yield files, and the other pages."""
    yield roff.heading("Files")
    yield _named(_PLACES)
    yield roff.heading("See also")
    others = {program: _section(program) for program in _scripts()} | {"facewatchd.yaml": _FILES}
    del others[name]
    yield ", ".join(f"{roff.bold(other)}({section})" for other, section in others.items()) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    """Yield each command of a group with its options; of one that is a group, all of its own."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context, **command.context_settings)
        yield roff.below(_usage(own))
        yield from map(roff.paragraph, _help(command))
        yield roff.items(_options(own, but="--help"))
        if isinstance(command, click.Group):
            yield from _commands(command, own)


def _usage(context: click.Context) -> str:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f"{roff.bold(context.command_path)} {roff.escaped(pieces)}"


def _options(context: click.Context, but: str | None = None) -> Iterator[tuple[str, str]]:
    for option in context.command.get_params(context):
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None and but not in option.opts:
            names, words = record
            yield roff.bold(names), roff.marked(words)


def _help(command: click.Command) -> list[str]:
    return [roff.marked(each) for each in re.split(r"\n\s*\n", command.help or "")]


def _short(command: click.Command) -> str:
    return re.split(r"\n\s*\n", (command.help or "").strip())[0].replace("\n", " ")


def _named(rows: list[tuple[str, str]]) -> str:
    return roff.items((roff.bold(name), roff.marked(words)) for name, words in rows)


def _exit_codes() -> list[tuple[str, str]]:
    part = _document("docs/errors.md").partition("## Exit codes")[2].partition("## Errors")[0]
    return re.findall(r"^\| (\d+) \| (.*) \|$", part, flags=re.MULTILINE)


def _document(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")
