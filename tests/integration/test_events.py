"""Events: written with what they tell of, kept for a while, told from where a client left off."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.decisions import Kind as Says
from facewatchd.decisions import Origin
from facewatchd.errors import ApiError
from facewatchd.events import EventId, Kind
from facewatchd.model import PhotoFailed
from facewatchd.pipeline.encoding import REST
from facewatchd.pipeline.events import told
from facewatchd.pipeline.noticing import Noticing
from facewatchd.store import Store, reading
from facewatchd.store.events import KEPT, KEPT_FOR
from tests.support.encoding import Bench
from tests.support.house import House
from tests.support.library import ENGINE, Library
from tests.support.people import ANN, BEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOME = {"root": "/photos"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as made:
        made.set_fact("library", "l1")
        yield made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        yield made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path)) as made:
        yield made


def add(store: Store, count: int = 1, at: float = 1000.0) -> None:
    for number in range(count):
        with store.transaction():
            store.events.add(Kind.ROOT_BACK, at + number, **SOME)


def ask(store: Store, after: str | None, limit: int = 100, *, names: bool = False) -> Any:
    with reading(store.path) as views:
        return told(views, after, limit, names=names)


def happened(store: Store) -> list[tuple[str, dict[str, Any]]]:
    return [(event.kind, event.facts) for event in store.events.after(0, 100)]


# -- the stream


def test_a_client_without_a_cursor_is_told_where_the_end_is(store: Store) -> None:
    assert ask(store, None)["next"] == "0-0"
    add(store, 2)
    assert ask(store, None) == {
        "library": "l1",
        "events": [],
        "next": "2-1001000000",
        "missed": 0,
        "other": False,
    }


def test_events_come_in_order_and_in_portions(store: Store) -> None:
    add(store, 5)
    ids, cursor = [], "0-0"
    for _ in range(4):
        found = ask(store, cursor, 2)
        ids += [event["id"] for event in found["events"]]
        cursor = found["next"]
    assert ids == [f"{n}-{999 + n}000000" for n in range(1, 6)]
    assert cursor == ids[-1]
    assert found["events"] == []


def test_an_event_is_told_with_its_time_and_facts(store: Store) -> None:
    add(store, at=1763221800.25)
    (event,) = ask(store, "0-0")["events"]
    assert event == {
        "id": "1-1763221800250000",
        "at": 1763221800.25,
        "kind": "root.back",
        "facts": SOME,
    }


def test_what_is_rolled_back_did_not_happen(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.events.add(Kind.ROOT_BACK, 1.0, **SOME)
        raise RuntimeError
    add(store)
    assert [event["id"] for event in ask(store, "0-0")["events"]] == ["1-1000000000"]


def test_old_events_go_and_who_lacks_them_is_told_how_many(store: Store) -> None:
    with store.transaction():
        for number in range(KEPT + 30):
            store.events.add(Kind.ROOT_BACK, 1000.0 + number, **SOME)
    found = ask(store, "5-1004000000")
    assert found["missed"] == 25
    assert found["events"][0]["id"].startswith("31-")
    assert ask(store, "30-1029000000")["missed"] == 0
    add(store, at=1000.0 + KEPT + KEPT_FOR)
    assert [event["id"].split("-")[0] for event in ask(store, "5-1004000000")["events"]] == [
        str(KEPT + n) for n in range(1, 32)
    ]


def test_a_cursor_of_a_store_that_was_made_anew_is_recognised(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "old.db", ENGINE)) as old:
        add(old, 3, at=1000.0)
    with closing(Store(tmp_path / "new.db", ENGINE)) as new:
        new.set_fact("library", "l1")
        assert ask(new, "3-1002000000") | {"library": ""} == {
            "library": "",
            "events": [],
            "next": "0-0",
            "missed": 0,
            "other": True,
        }
        add(new, 4, at=2000.0)
        for cursor in ("2-1001000000", "3-1002000000", "9-1002000000"):
            found = ask(new, cursor)
            assert found["other"]
            assert [event["id"].split("-")[0] for event in found["events"]] == list("1234")
        assert not ask(new, "4-2003000000")["other"]


def test_after_a_backup_was_put_back_only_what_is_new_is_told(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        store.set_fact("library", "l1")
        add(store, 3, at=1000.0)
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(store.path, tmp_path / "backup.db")
        add(store, 3, at=2000.0)
        cursor = ask(store, None)["next"]
    with closing(Store(tmp_path / "backup.db", ENGINE)) as back:
        assert ask(back, cursor)["other"]
        assert ask(back, cursor)["events"] == []
        add(back, 4, at=3000.0)
        found = ask(back, cursor)
        assert found["other"]
        assert [event["id"].split("-")[0] for event in found["events"]] == list("4567")
        assert not ask(back, found["next"])["other"]


@pytest.mark.parametrize("text", ["7", "x", "-1-2", "1-2-3", " 1-2", "1-99999999999999999999"])
def test_what_is_no_id_is_refused(store: Store, text: str) -> None:
    with pytest.raises(ApiError, match="is no id of an event"):
        ask(store, text)


def test_an_id_is_what_it_was_written_as() -> None:
    assert EventId.parse(str(EventId(7, 1763221800000000))) == EventId(7, 1763221800000000)


# -- what is told, and when


def test_a_photo_has_failed_after_its_last_try(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        bench = Bench(store, tmp_path / "people")
        file = bench.add_file(b"anna's birthday.jpg")
        for tries in (1, 2):
            bench.reading()
            bench.pool.says(PhotoFailed("The file is truncated: 3 of 9 bytes.", "Copy it anew."))
            bench.encoding.step()
            assert len(happened(store)) == tries - 1
            bench.clock.now += 10 * REST
        facts = {"file": file, "root": "/p", "error": "The file is truncated"}
        assert happened(store) == [("photo.failed", facts)]
        assert "path" not in ask(store, "0-0")["events"][0]["facts"]
        named = ask(store, "0-0", names=True)["events"][0]["facts"]
        assert named["path"].endswith("anna's birthday.jpg")


def test_a_new_person_is_told_when_there_is_a_folder_and_never_again(library: Library) -> None:
    for place in (*ANN, *BEN):
        library.add(place)
    library.recluster()
    library.publish()
    people = library.store.people.folders()
    new = [facts for kind, facts in happened(library.store) if kind == "person.new"]
    assert {each["person"] for each in new} == set(people)
    assert [each["number"] for each in new] == [1, 2]
    assert all(each["photos"] >= 3 for each in new)
    library.recluster()
    library.publish()
    assert len([kind for kind, _ in happened(library.store) if kind == "person.new"]) == 2
    (first, _) = ask(library.store, "0-0", names=True)["events"]
    assert first["facts"]["person_called"] == "person_0001"
    library.saying.name("person_0001", "Ann")
    assert ask(library.store, "0-0", names=True)["events"][0]["facts"]["person_called"] == "Ann"
    assert "Ann" not in str(ask(library.store, "0-0"))


def test_who_gets_a_folder_by_a_name_is_not_new_to_the_user(library: Library) -> None:
    for place in ANN[:2]:
        library.add(place)
    library.found([1, 2])
    library.publish()
    ((person,),) = library.store._db.execute("SELECT id FROM people").fetchall()
    library.saying.name(person, "Ann")
    library.publish()
    assert library.store.people.folders() == {person: b"Ann"}
    assert happened(library.store) == []


def test_a_decision_is_told_if_it_came_from_the_folders(library: Library) -> None:
    for place in ANN:
        library.add(place)
    library.found([1, 2, 3])
    ((person,),) = library.store._db.execute("SELECT id FROM people").fetchall()
    library.deciding.say(Says.NAME, person=person, name="Ann")
    library.deciding.say(Says.NAME, person=person, name="Anna", origin=Origin.FOLDER)
    facts = {"decision": 2, "said": "name", "person": person, "other": None, "faces": 0}
    assert happened(library.store) == [("decision.folder", facts)]


def test_a_decision_from_the_folders_that_a_kill_cut_short_is_told_after_it(
    tmp_path: Path,
) -> None:
    with closing(Library(tmp_path)) as library:
        for place in ANN:
            library.add(place)
        library.found([1, 2, 3])
        ((person,),) = library.store._db.execute("SELECT id FROM people").fetchall()
        said = library.deciding._next(Says.NAME, person=person, name="A", origin=Origin.FOLDER)
        library.deciding._journal.append(said)  # and no further
    with closing(Library(tmp_path)) as library:
        assert [kind for kind, _ in happened(library.store)] == ["decision.folder"]
    with closing(Library(tmp_path)) as library:
        assert len(happened(library.store)) == 1


def test_a_store_that_is_made_anew_tells_no_old_decisions(tmp_path: Path) -> None:
    with closing(Library(tmp_path)) as library:
        for place in ANN:
            library.add(place)
        library.found([1, 2, 3])
        ((person,),) = library.store._db.execute("SELECT id FROM people").fetchall()
        for name in ("A", "B"):
            library.deciding.say(Says.NAME, person=person, name=name, origin=Origin.FOLDER)
    for part in tmp_path.glob("store.db*"):
        part.unlink()
    with closing(Library(tmp_path)) as library:
        assert len(library.deciding.decisions) == 2
        assert happened(library.store) == []


def test_a_plan_that_waits_is_told(library: Library) -> None:
    for place in (*ANN, *BEN):
        library.add(place)
    library.grouping.request(dry=True)
    library.grouping.step(backlog=False)
    library.finish()
    plan = library.replanning.waiting
    facts = {"plan": plan.id, "churn": plan.churn, "moves": len(plan.faces)}
    assert happened(library.store) == [("plan.waiting", facts)]


# -- how roots are, and how many faces are doubtful


def noticing(house: House) -> Noticing:
    return Noticing(house.store, house.intake.roots, house.clock)


def test_a_root_that_goes_and_comes_back_is_told_once_each(house: House) -> None:
    house.start()
    watch = noticing(house)
    watch.step(settled=True)
    assert happened(house.store) == []
    away = house.path.rename(house.path.with_name("away"))
    while not house.root.offline:  # the watcher tells of it
        house.step()
    house.work()
    watch.step(settled=True)
    watch.step(settled=True)
    (event,) = happened(house.store)
    assert event == ("root.offline", {"root": str(house.path), "reason": house.root.offline})
    away.rename(house.path)
    house.clock.now += 60
    house.scan()
    watch.step(settled=True)
    assert [kind for kind, _ in happened(house.store)] == ["root.offline", "root.back"]


def test_a_kill_between_a_change_and_its_event_loses_nothing(house: House) -> None:
    house.start()
    noticing(house).step(settled=True)
    house.root.unwatched[b"/photos/many"] = "no more watches"
    watch = noticing(house)  # the daemon after a kill: it finds the root so
    watch.step(settled=True)
    told = ("root.degraded", {"root": str(house.path), "folders": 1})
    assert happened(house.store) == [told]
    noticing(house).step(settled=True)
    assert happened(house.store) == [told], "and after the next one it is not told again"
    house.root.unwatched.clear()
    noticing(house).step(settled=True)
    assert [kind for kind, _ in happened(house.store)] == ["root.degraded", "root.back"]


def test_while_a_root_is_walked_over_nothing_is_told_but_that_it_is_gone(house: House) -> None:
    house.start()
    watch = noticing(house)
    house.root.unwatched[b"/photos/many"] = "no more watches"
    house.intake.roots.walk_all()
    assert house.root.walker.busy
    watch.step(settled=True)
    assert happened(house.store) == []
    house.work()
    watch.step(settled=True)
    assert [kind for kind, _ in happened(house.store)] == ["root.degraded"]


class NoRoots:
    all: tuple[()] = ()


def test_the_number_of_doubtful_faces_is_told_when_it_has_changed_and_work_rests(
    library: Library,
) -> None:
    watch = Noticing(library.store, NoRoots(), library.clock)  # type: ignore[arg-type]  # without roots
    library.add(ANN[0])
    library.clock.now += 1
    watch.step(settled=True)
    library.add(ANN[1])
    watch.step(settled=False)
    assert happened(library.store) == [("doubtful", {"count": 1, "before": 0})]
    library.clock.now += 600
    watch.step(settled=False)
    assert happened(library.store)[-1] == ("doubtful", {"count": 2, "before": 1})
    watch.step(settled=True)
    again = Noticing(library.store, NoRoots(), library.clock)  # type: ignore[arg-type]  # without roots
    again.step(settled=True)
    assert len(happened(library.store)) == 2


def test_who_listens_is_called_when_something_has_happened(library: Library) -> None:
    watch = Noticing(library.store, NoRoots(), library.clock)  # type: ignore[arg-type]  # without roots
    rung: list[int] = []
    with watch.bell.listening(lambda: rung.append(1)):
        watch.step(settled=True)
        assert rung == []
        library.add(ANN[0])
        watch.step(settled=True)
        assert rung == [1]
    watch.bell.ring()
    assert rung == [1]
    watch.bell.close()
    with (
        pytest.raises(ApiError, match="goes over to another configuration"),
        watch.bell.listening(lambda: None),
    ):
        pass
