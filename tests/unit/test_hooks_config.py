"""hooks.yaml: what is valid, what an error says, and what it never says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from facewatchd.errors import ConfigError, Exit
from facewatchd.events import Kind
from facewatchd.hooks.config import Hook, Settings, default_state, load
from facewatchd.hooks.messages import messages

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "config" / "hooks.yaml"
PAGE = (REPOSITORY / "docs" / "hooks.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def written(folder: Path, **hook: Any) -> Path:
    path = folder / "hooks.yaml"
    path.write_text(json.dumps({"hooks": {"one": hook}}))  # JSON is YAML
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert raised.value.exit_code == Exit.CONFIG
    return raised.value.title


def test_the_sample_is_valid_and_states_the_defaults() -> None:
    loaded = load(SAMPLE)
    (hook,) = loaded.hooks.values()
    assert hook == Hook(command=hook.command)
    assert loaded.socket == Settings.model_fields["socket"].default
    assert loaded.state == default_state()


def test_the_sample_names_every_setting_of_a_hook() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    assert set(yaml.safe_load(text)) | {"state"} == set(Settings.model_fields)
    assert {name for name in Hook.model_fields if f" {name}:" in text} == set(Hook.model_fields)


def test_the_page_has_a_row_for_every_setting_and_every_kind() -> None:
    rows = set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, flags=re.MULTILINE))
    assert rows >= {f"hooks.{name}" for name in Hook.model_fields} | {"socket", "state"}
    assert rows >= {kind.value for kind in Kind}


def test_what_is_commented_out_in_the_sample_is_valid_too(tmp_path: Path) -> None:
    text = re.sub(r"^  # (  |phone:|chat:)", r"  \1", SAMPLE.read_text(), flags=re.MULTILINE)
    path = tmp_path / "hooks.yaml"
    path.write_text(text)
    assert set(load(path).hooks) == {"log", "phone", "chat"}


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ({}, "hooks.one: name one of command, webhook and apprise"),
        ({"command": ["/bin/a"], "apprise": ["x://"]}, "name one of command, webhook"),
        ({"command": "/bin/a b"}, "hooks.one.command: Input should be a valid tuple"),
        ({"command": ["notify"]}, "must be an absolute path"),
        ({"command": []}, "hooks.one.command: Tuple should have at least 1 item"),
        ({"command": ["/bin/a"], "events": ["person"]}, "hooks.one.events.0: Input should be"),
        ({"command": ["/bin/a"], "tries": 0}, "hooks.one.tries: Input should be greater"),
        ({"command": ["/bin/a"], "gather": "soon"}, "hooks.one.gather: must be a number of"),
        ({"command": ["/bin/a"], "on": ["x"]}, "hooks.one.on: there is no such setting"),
        ({"webhook": {}}, "hooks.one.webhook.url: is required"),
        ({"webhook": {"url": "ftp://a/SECRET"}}, "url: must begin with http:// or https://"),
        ({"webhook": {"url": "http://a/ SECRET"}}, "url: has a character that no address has"),
        ({"webhook": {"url": "http://me:SECRET@a/"}}, "url: holds a user"),
        ({"webhook": {"url": "http://a/", "headers": {"A B": "SECRET"}}}, "no name of a header"),
        ({"webhook": {"url": "http://a/", "headers": {"A": "x\nSECRET"}}}, "no line of text"),
        ({"webhook": {"url": "http://a/", "headers": {"content-type": "SECRET"}}}, "is set by"),
    ],
)
def test_an_error_names_the_key_and_never_a_secret(
    tmp_path: Path, hook: dict[str, Any], words: str
) -> None:
    told = complaint(written(tmp_path, **hook))
    assert words in told
    assert "SECRET" not in told


@pytest.mark.parametrize("name", ["", "Two words", "../up", "UPPER", "a" * 65])
def test_a_name_that_is_no_name_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hooks.yaml"
    path.write_text(json.dumps({"hooks": {name: {"command": ["/bin/true"]}}}))
    assert "a hook's name has small letters" in complaint(path)


@pytest.mark.parametrize("text", ["hooks: [", "- 1", "", "hooks: {}", "hooks:\n\ta: 1", "a: \x01"])
def test_what_are_no_hooks_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hooks.yaml"
    path.write_text(text)
    assert str(path) in complaint(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / "hooks.yaml")


def test_every_kind_of_event_has_words() -> None:
    """A kind without words of its own would be told as a number of doubtful faces."""
    facts = {
        "person": "p", "number": 1, "photos": 3, "count": 5, "before": 2, "file": 1, "root": "/r",
        "error": "E", "reason": "R", "folders": 2, "decision": 1, "said": "is", "plan": "ab",
        "moves": 3,
    }  # fmt: skip
    texts: Iterator[str] = (
        messages([{"id": "1-1", "at": 0.0, "kind": kind, "facts": facts}], single=True)[0].text
        for kind in Kind
    )
    assert len(set(texts)) == len(Kind)


def test_the_program_starts_without_the_machinery() -> None:
    code = (
        "import sys, facewatchd.hooks.program;"
        "print({'numpy', 'scipy', 'PIL', 'sqlite_utils', 'apprise'} & {*sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
