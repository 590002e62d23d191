"""One hook, with a scripted daemon, way and clock: cursors, tries, pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import HookError, NotRunningError, StartError
from facewatchd.hooks.config import Hook as HookSettings
from facewatchd.hooks.hook import Hook, StoppedError, pause_after
from facewatchd.hooks.memory import Memory

if TYPE_CHECKING:
    from pathlib import Path


class Stream:
    """The daemon's side: events by number, of which those before ``oldest`` are gone."""

    def __init__(self) -> None:
        self.happened: list[dict[str, Any]] = []
        self.oldest = 1
        self.library = "l1"
        self.other = False
        self.down = False
        self.asked: list[tuple[str | None, float]] = []

    def add(self, kind: str = "root.back", **facts: Any) -> str:
        number = len(self.happened) + 1
        event = {"id": f"{number}-{number}", "at": 1.0, "kind": kind}
        self.happened.append(event | {"facts": {"root": f"/{number}"} | facts})
        return f"{number}-{number}"

    def events(
        self, after: str | None = None, wait: float = 0.0, limit: int = 100
    ) -> dict[str, Any]:
        self.asked.append((after, wait))
        if self.down:
            raise NotRunningError("No daemon answers.", "Start it.")
        last = len(self.happened)
        number = last if after is None else int(after.split("-")[0])
        events = [e for e in self.happened[number:] if int(e["id"].split("-")[0]) >= self.oldest]
        events = events[:limit]
        return {
            "library": self.library,
            "events": events,
            "next": events[-1]["id"] if events else after or f"{last}-{last}",
            "missed": max(0, self.oldest - 1 - number),
            "other": self.other,
        }


class Out:
    """A way whose next deliveries fail as the script says."""

    def __init__(self) -> None:
        self.delivered: list[dict[str, Any]] = []
        self.failures = 0

    def send(self, document: dict[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise HookError("It answered 503.", "…")
        self.delivered.append(document)

    @property
    def ids(self) -> list[str]:
        return [document["id"] for document in self.delivered]


class Clock:
    """Waits no time; the program is to end when ``ends`` pauses have been waited."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.ends = 1000
        self.ended = False

    def is_set(self) -> bool:
        return self.ended

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return len(self.pauses) >= self.ends


class House:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "hook.json"
        self.stream, self.out, self.clock = Stream(), Out(), Clock()

    def hook(self, **settings: Any) -> Hook:
        """Return the hook as it is after a start of the program."""
        self.clock = Clock()
        made = HookSettings(command=("/bin/true",), **{"gather": 0, **settings})
        return Hook("h", made, self.stream, self.out, Memory(self.file), self.clock)  # type: ignore[arg-type]  # all of the client that a hook uses


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def started(house: House, **settings: Any) -> Hook:
    hook = house.hook(**settings)
    hook.step()
    return hook


def test_a_new_hook_is_told_of_what_happens_from_then_on(house: House) -> None:
    house.stream.add()
    hook = started(house)
    last = house.stream.add()
    hook.step()
    assert house.out.ids == [last]
    assert house.stream.asked == [(None, 0.0), ("1-1", 300.0)]


def test_after_a_restart_it_goes_on_where_it_was(house: House) -> None:
    hook = started(house)
    ids = [house.stream.add(), house.stream.add()]
    hook.step()
    ids.append(house.stream.add())
    house.hook().step()
    assert house.out.ids == ids


def test_events_that_it_does_not_want_are_passed_over_for_good(house: House) -> None:
    hook = started(house, events=["root.back"])
    house.stream.add("root.offline", reason="…")
    hook.step()
    assert house.out.ids == []
    assert Memory(house.file).progress.cursor == "1-1"


def test_it_tries_again_after_growing_pauses_and_gives_up_at_last(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    hook = started(house, tries=4)
    house.out.failures = 4
    first, second = house.stream.add(), house.stream.add()
    hook.step()
    assert house.clock.pauses == [5.0, 10.0, 20.0]
    assert house.out.ids == [second]
    assert hook.progress.given_up == 1
    assert hook.progress.delivered == 1
    assert "gives up a message: /1 is back." in caplog.text
    assert first not in house.out.ids


def test_the_pauses_of_fifteen_tries_take_about_five_hours() -> None:
    pauses = [pause_after(number) for number in range(1, 15)]
    assert pauses == sorted(pauses)
    assert 5 * 3600 < sum(pauses) < 6 * 3600


def test_what_was_under_way_at_the_end_is_delivered_after_the_restart(house: House) -> None:
    hook = started(house)
    ids = [house.stream.add(), house.stream.add()]
    house.out.failures = 1
    house.clock.ends = 1
    with pytest.raises(StoppedError):
        hook.step()
    assert house.out.ids == []
    ids.append(house.stream.add())
    again = house.hook()
    again.step()
    again.step()
    assert house.out.ids == ids


def test_a_message_under_way_at_the_end_is_the_last_one(house: House) -> None:
    hook = started(house)
    ids = [house.stream.add(), house.stream.add()]
    house.clock.ended = True
    with pytest.raises(StoppedError):
        hook.step()
    assert house.out.ids == ids[:1]
    house.hook().step()
    assert house.out.ids == ids


def test_a_message_that_comes_again_is_the_same_though_more_has_happened(house: House) -> None:
    hook = started(house, gather=60)
    house.stream.add()
    house.stream.add()
    hook.step()
    (first,) = house.out.delivered
    assert house.clock.pauses == [60.0]
    # What a kill between the delivery and the cursor leaves:
    progress = hook.progress
    progress.cursor, progress.until, progress.done = "0-0", "2-2", []
    hook._memory.save()
    house.stream.add()
    again = house.hook(gather=60)
    again.step()
    assert house.out.delivered[1] == first
    again.step()
    assert [e["id"] for e in house.out.delivered[2]["events"]] == ["3-3"]


def test_of_a_batch_only_what_is_not_done_comes_again(house: House) -> None:
    hook = started(house)
    ids = [house.stream.add(), house.stream.add()]
    hook.progress.until, hook.progress.done = ids[1], [ids[0]]
    hook._memory.save()
    house.hook().step()
    assert house.out.ids == [ids[1]]


def test_a_daemon_that_is_down_is_asked_again_and_told_of_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    hook = started(house)
    house.stream.down = True
    for _ in range(40):
        hook.step()
    assert hook.trouble == "No daemon answers."
    assert house.clock.pauses[:3] == [1.0, 2.0, 3.0]
    assert house.clock.pauses[-1] == 30.0
    assert caplog.text.count("No daemon answers.") == 1
    house.stream.down = False
    last = house.stream.add()
    hook.step()
    assert house.out.ids == [last]
    assert hook.trouble is None


def test_events_that_are_gone_are_told_of_in_number(house: House) -> None:
    hook = started(house)
    for _ in range(5):
        house.stream.add()
    house.stream.oldest = 4
    hook.step()
    assert house.out.ids == ["missed-0-0", "4-4", "5-5"]
    assert house.out.delivered[0]["text"].startswith("3 events happened of which nothing is known")


def test_another_store_is_said_and_followed(house: House, caplog: pytest.LogCaptureFixture) -> None:
    hook = started(house)
    hook.progress.until, hook.progress.done = "9-9", ["9-9"]
    house.stream.other = True
    house.stream.add()
    hook.step()
    assert "the store was made anew, or put back" in caplog.text
    assert house.out.ids == ["1-1"]
    house.stream.library = "l2"
    house.stream.add()
    hook.step()
    assert "follows another library now" in caplog.text


def test_a_disk_that_takes_no_cursor_does_not_have_everything_delivered_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = started(house)
    ids = [house.stream.add()]

    def refuse() -> None:
        raise HookError("How far a hook is cannot be written.", "Make room.")

    with monkeypatch.context() as full:
        full.setattr(hook._memory, "save", refuse)
        for _ in range(3):
            hook.step()
        assert hook.trouble == "How far a hook is cannot be written."
    hook.step()
    ids.append(house.stream.add())
    hook.step()
    assert house.out.ids == ids


def test_progress_that_cannot_be_read_is_told_before_anything_is_done(house: House) -> None:
    for damaged in (b"", b"{}}", b'{"cursor": 3, "stranger": 4}', b"[1]"):
        house.file.write_bytes(damaged)
        with pytest.raises(StartError, match=r"hook\.json"):
            Memory(house.file)
