from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd import render
from facewatchd.render import Field

ROOT: dict[str, Any] = {
    "path": "/photos",
    "state": "watched",
    "scanning": False,
    "reason": None,
    "file_system": "ext4",
    "files": 0,
    "backlog": 0,
    "vanished": 0,
    "unwatched": [],
    "unwatched_count": 0,
    "ignored": [],
}


@pytest.fixture
def status() -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "api": 1,
        "state": "encoding",
        "pid": 4242,
        "started": 1_700_000_000.0,
        "time": 1_700_000_200.0,
        "roots": [
            {
                **ROOT,
                "files": 1500,
                "backlog": 420,
                "scanning": True,
                "ignored": [{"rule": "*.tmp", "files": 1200}, {"rule": "@eaDir", "files": 7}],
            },
            {**ROOT, "path": "/old", "state": "offline", "reason": "its disk is gone"},
        ],
        "files": {"pending": 420, "done": 1075, "failed": 4, "unsupported": 1},
        "failures": [
            {"reason": "The file is truncated", "files": 3},
            {"reason": "It took longer than 120 seconds", "files": 1},
        ],
        "unsupported": [{"kind": ".cr2", "files": 1}],
        "settling": 5,
        "paused": None,
        "paused_until": None,
        "photos": 1060,
        "missing": 2,
        "faces": 2100,
        "people": 31,
        "folders": 12,
        "doubtful": 88,
        "recluster": {
            "running": False,
            "runs": 0,
            "error": None,
            "last": None,
            "last_seconds": None,
            "next": None,
            "paused": None,
            "paused_until": None,
            "new_faces": 1,
            "plan": None,
        },
        "engine": {
            "name": "hog+dlib",
            "note": None,
            "waiting": 0,
            "unreadable": 0,
            "last": None,
            "switch": None,
        },
        "rate": 2.1,
        "seconds_left": 200.0,
        "workers": 2,
        "backup": {"last": None, "path": None, "error": None, "running": False},
        "journal": {"decisions": 0, "mended": [], "behind": []},
        "store": {"path": "/state/store.db", "error": None, "since": None},
        "lost": None,
        "lacking": 2,
        "first": None,
        "questions": {"faces": 0},
        "output": {"path": "/people", "links": 1, "conflicts": ["/people/a"], "error": None},
        "errors": [{"path": "/photos/b\n.jpg", "reason": "cut short", "tries": 2}],
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert render.duration(seconds) == words


def test_numbers_have_thousands_and_a_plural() -> None:
    assert render.count(1, "photo") == "1 photo"
    assert render.count(12_345, "photo") == "12,345 photos"
    assert render.count(0, "person", "people") == "0 people"


def test_line_ends_codes_and_undecodable_bytes_are_escaped() -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[2Jsch\xc3\xb6n.jpg")
    assert render.printable(name) == "caf\\xe9\\x0a\\x1b[2Jschön.jpg"


def test_a_name_cannot_turn_the_direction_of_the_text() -> None:
    assert render.printable("a\u202egpj.exe") == "a\\xe2\\x80\\xaegpj.exe"


@given(st.binary(max_size=60))
def test_no_name_can_send_a_control_character(name: bytes) -> None:
    shown = render.printable(os.fsdecode(name))
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable()
    shown.encode("utf-8")


def test_a_capture_date_is_shown_as_the_camera_showed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert render.taken(1_463_221_800.0) == "2016-05-14 10:30"


def test_a_status_says_rate_time_left_and_what_stands_in_the_way(status: dict[str, Any]) -> None:
    fields = render.status_fields(status)
    assert fields[:3] == [
        Field(
            "State",
            "encoding, 2.1 photos/s, 3 min 20 s left (for 3 min 20 s, 2 workers, pid 4242)",
        ),
        Field("Root", "/photos: watched on ext4, scanning, 1,500 files, 420 waiting"),
        Field("Root", "/old: offline on ext4, 0 files (its disk is gone)"),
    ]
    assert Field("Files", "1,075 done, 420 waiting, 5 settling, 4 failed, 1 unsupported") in fields
    failed = "3 The file is truncated, 1 It took longer than 120 seconds"
    assert Field("Failed", failed) in fields
    assert Field("Unsupported", "1 .cr2") in fields
    assert Field("Ignored", "1,200 *.tmp, 7 @eaDir") in fields
    assert Field("Lacking", "2 faces that you spoke of: facewatchctl errors") in fields
    assert Field("Photos", "1,060, 2 missing") in fields
    assert Field("Re-clustering", "1 new face since") in fields
    assert Field("In the way", "/people/a") in fields
    assert fields[-1] == Field("Error", "/photos/b\n.jpg: cut short")


def test_where_nothing_is_wrong_a_root_is_one_line(status: dict[str, Any]) -> None:
    quiet = {**ROOT, "files": 9}
    status |= {"roots": [quiet], "unsupported": [], "settling": 0, "errors": [], "failures": []}
    status["lacking"] = 0
    status["output"]["conflicts"] = []
    fields = render.status_fields(status)
    assert Field("Root", "/photos: watched on ext4, 9 files") in fields
    labels = [label for label, _ in fields]
    assert labels == [
        *(
            "State",
            "Root",
            "Files",
            "Photos",
            "Faces",
            "People",
            "Engine",
            "Re-clustering",
            "Output",
        )
    ]


def test_a_pause_and_what_cannot_be_watched_are_said_in_full(status: dict[str, Any]) -> None:
    status["paused"] = "only 3 MB are free"
    status["roots"] = [
        {
            **ROOT,
            "state": "degraded",
            "reason": "the limit of watches is used up",
            "vanished": 1200,
            "unwatched": ["/photos/a\n", "/photos/b", "/photos/c", "/photos/d"],
            "unwatched_count": 1500,
        }
    ]
    fields = render.status_fields(status)
    assert fields[1] == Field("Paused", "only 3 MB are free")
    words = "degraded on ext4, 0 files, 1,200 vanished (the limit of watches is used up)"
    assert fields[2] == Field("Root", f"/photos: {words}")
    named = "/photos/a\n, /photos/b, /photos/c and 1,497 more"
    assert fields[3] == Field("Unwatched", f"1,500 folders: {named}")


def test_of_many_kinds_the_commonest_are_named(status: dict[str, Any]) -> None:
    status["unsupported"] = [{"kind": f".k{n}", "files": n} for n in range(1, 10)]
    said = "9 .k9, 8 .k8, 7 .k7, 6 .k6, 5 .k5, 4 .k4, 6 others"
    assert Field("Unsupported", said) in render.status_fields(status)


def test_one_rule_in_two_roots_is_counted_together(status: dict[str, Any]) -> None:
    ignored = [{"rule": "*.tmp", "files": 2}]
    status["roots"] = [{**ROOT, "ignored": ignored}, {**ROOT, "ignored": ignored}]
    assert Field("Ignored", "4 *.tmp") in render.status_fields(status)


def test_why_counts_its_steps_and_ends_with_the_verdict() -> None:
    why = {
        "path": "/photos/a",
        "verdict": "ignored",
        "chain": ["It is in a root.", "*.a hides it."],
    }
    assert render.why_fields(why) == [
        Field("Path", "/photos/a"),
        Field("1", "It is in a root."),
        Field("2", "*.a hides it."),
        Field("Verdict", "ignored"),
    ]


def test_an_output_that_cannot_be_written_is_part_of_the_status(status: dict[str, Any]) -> None:
    status["output"]["error"] = "The disk is full."
    assert Field("Output", "The disk is full.") in render.status_fields(status)


def test_a_store_that_cannot_be_written_is_part_of_the_status_and_what_mends_it(
    status: dict[str, Any],
) -> None:
    fine = render.status_fields(status)
    assert not [field for field in fine if field.label == "Store"]
    status["store"] |= {"error": "The store cannot be written: disk full.", "since": 1.7e9}
    first, second = (f.text for f in render.status_fields(status) if f.label == "Store")
    assert first == f"The store cannot be written: disk full. (since {render.moment(1.7e9)})"
    assert "Make room on the disk of /state/store.db" in second
    assert "all goes on by itself" in second
    del status["store"]  # by a daemon of before it was told
    assert render.status_fields(status) == fine


def test_copies_of_what_was_said_that_fail_are_part_of_the_status(status: dict[str, Any]) -> None:
    behind = "/nas/decisions.jsonl cannot be written: Read-only file system."
    status["journal"]["behind"].append(behind)
    status["backup"]["error"] = "The disk of the backups is full."
    fields = render.status_fields(status)
    assert Field("Journal", behind) in fields
    assert Field("Backup", "The disk of the backups is full.") in fields


def test_a_re_clustering_that_failed_is_part_of_the_status(status: dict[str, Any]) -> None:
    status["recluster"]["error"] = "Re-clustering crashed."
    assert Field("Re-clustering", "Re-clustering crashed.") in render.status_fields(status)


def test_a_status_of_a_daemon_that_is_gone_says_its_age(status: dict[str, Any]) -> None:
    del status["errors"]  # status.json names no photo
    fields = render.status_fields(status, age=125.0)
    assert fields[0] == Field(
        "State", "not running; encoding when anything last changed, 2 min 5 s ago"
    )


def test_everyone_is_a_row_also_without_a_folder_and_without_a_date() -> None:
    person = {
        "id": "p1",
        "name": None,
        "hidden": False,
        "folder": None,
        "faces": 4,
        "photos": 3,
        "first": None,
        "last": None,
    }
    named = {**person, "name": "A/B", "folder": "A_B", "first": 0.0, "last": 86_400.0}
    hidden = {**person, "hidden": True}
    assert list(render.people_grid([named, person, hidden]).rows) == [
        ("A/B", "A_B", "3", "4", "1970-01-01", "1970-01-02", "p1"),
        ("", "no folder yet", "3", "4", "", "", "p1"),
        ("", "hidden", "3", "4", "", "", "p1"),
    ]


def test_a_photo_says_who_is_in_it_and_who_a_doubtful_face_may_be() -> None:
    known = {
        "face": 5,
        "said": None,
        "box": [1, 2, 3, 4],
        "quality": 0.5,
        "person": "p1",
        "name": None,
        "hidden": False,
        "folder": "person_0001",
        "similarity": 0.712,
        "candidates": [],
    }
    doubtful = {
        **known,
        "person": None,
        "folder": None,
        "similarity": None,
        "candidates": [
            {"person": "p1", "name": None, "folder": "person_0001", "similarity": 0.61},
            {"person": "p2", "name": None, "folder": None, "similarity": 0.55},
            {"person": "p3", "name": "A/B", "folder": "A_B", "similarity": 0.54},
        ],
    }
    fields = render.photo_fields(
        {
            "path": "/photos/a.jpg",
            "state": "done",
            "reason": None,
            "photo": "ff00",
            "paths": ["/photos/a.jpg", "/photos/copy.jpg"],
            "captured": {"at": 1_463_221_800.0, "source": "exif"},
            "faces": [known, doubtful, {**doubtful, "candidates": []}],
            "links": ["/people/person_0001/a.jpg"],
        }
    )
    assert fields == [
        Field("Photo", "/photos/a.jpg"),
        Field("State", "done"),
        Field("Also at", "/photos/copy.jpg"),
        Field("Taken", "2016-05-14 10:30, from its metadata"),
        Field("Face", "5, person_0001, similarity 0.71, at 1,2,3,4"),
        Field(
            "Face",
            "5, doubtful, may be person_0001 0.61, p2 (no folder yet) 0.55, A/B 0.54, at 1,2,3,4",
        ),
        Field("Face", "5, doubtful, may be nobody known, at 1,2,3,4"),
        Field("Link", "/people/person_0001/a.jpg"),
    ]


def test_in_a_pipe_a_table_is_a_line_a_row_with_tabs_between(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = [{"path": "/p/a\tb\n.jpg", "reason": "cut short", "tries": 2}]
    render.show_grid(render.errors_grid(errors))
    render.show_grid(render.errors_grid([]))
    assert capsys.readouterr().out == "/p/a\\x09b\\x0a.jpg\t2\tcut short\n"


def test_indented_lines_of_an_error_stay_lines_and_no_name_forges_another() -> None:
    told = "The preset is not valid:\n  line 3: a\nfacewatchctl: Done.\n  line 4: b"
    assert render.in_lines(told).splitlines() == [
        "The preset is not valid:",
        "  line 3: a\\x0afacewatchctl: Done.",
        "  line 4: b",
    ]
