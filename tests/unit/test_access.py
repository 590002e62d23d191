"""Who may ask what, and who is told what to do to be let in."""

from __future__ import annotations

import grp
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd import accounts, admission
from facewatchd.admission import why_closed
from facewatchd.api import ROUTES, Access
from facewatchd.api.peers import Peer
from facewatchd.config import Settings
from facewatchd.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    from facewatchd.api.query import ApiRoute

DAEMON, GROUP = 990, 989
BEN = 1001
STATUS, REPORT, RETRY = (
    next(r for r in ROUTES if (r.method, r.path) == asked)
    for asked in (("GET", "/v1/status"), ("GET", "/v1/report"), ("POST", "/v1/retry"))
)
numbers = st.integers(0, 2**32 - 2)


def may(access: Access, peer: Peer, route: ApiRoute) -> bool:
    try:
        access.check(peer, route)
    except NotAllowedError:
        return False
    return True


def settings(**more: object) -> Settings:
    return Settings.model_validate({"roots": [{"path": "/p"}], "output": "/o", **more})


@pytest.mark.parametrize("user", [0, DAEMON])
@pytest.mark.parametrize("full", [True, False])
def test_root_and_the_daemons_user_may_ask_everything(user: int, *, full: bool) -> None:
    access = Access(GROUP, full, DAEMON)
    assert all(may(access, Peer(user, frozenset()), route) for route in ROUTES)


def test_a_group_that_may_read_asks_what_changes_nothing_and_gets_no_encodings() -> None:
    member, access = Peer(BEN, frozenset((BEN, GROUP))), Access(GROUP, full=False, owner=DAEMON)
    allowed = {(route.method, route.path) for route in ROUTES if may(access, member, route)}
    assert {method for method, _ in allowed} == {"GET"}
    refused = {(r.method, r.path) for r in ROUTES if r.method == "GET"} - allowed
    assert refused == {("GET", "/v1/report")}


def test_a_group_that_may_all_may_all() -> None:
    member, access = Peer(BEN, frozenset((BEN, GROUP))), Access(GROUP, full=True, owner=DAEMON)
    assert all(may(access, member, route) for route in ROUTES)


@given(user=numbers, groups=st.frozensets(numbers), group=st.none() | numbers, full=st.booleans())
def test_who_is_neither_root_nor_the_daemon_nor_in_the_group_may_nothing(
    user: int, groups: frozenset[int], group: int | None, *, full: bool
) -> None:
    access = Access(group, full, DAEMON)
    is_in = user in {0, DAEMON} or (group is not None and group in groups)
    assert may(access, Peer(user, groups), STATUS) == is_in


def test_who_is_refused_is_told_what_to_do() -> None:
    def told(access: Access, groups: frozenset[int], route: ApiRoute) -> str:
        with pytest.raises(NotAllowedError) as refused:
            access.check(Peer(BEN, groups), route)
        return str(refused.value)

    ben, daemon, group = accounts.user_name(BEN), accounts.user_name(DAEMON), f"#{GROUP}"
    stranger = told(Access(GROUP, owner=DAEMON), frozenset(), STATUS)
    assert f"The user {ben} may not use this daemon: {daemon}, root and the group" in stranger
    assert f"sudo usermod -aG {group} {ben}, and log in again." in stranger
    assert f"sudo -u {daemon}" in told(Access(owner=DAEMON), frozenset(), STATUS)
    reader = told(Access(GROUP, full=False, owner=DAEMON), frozenset((GROUP,)), RETRY)
    assert "(api.may: read); POST /v1/retry takes more than that." in reader
    assert "with sudo" in reader


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert Peer.of(ours) == Peer(os.geteuid(), frozenset(accounts.own_groups()))


def test_a_group_that_the_daemons_user_is_not_in_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = next(g for g in grp.getgrall() if g.gr_gid not in accounts.own_groups())
    monkeypatch.setattr(os, "geteuid", lambda: BEN)
    with pytest.raises(ConfigError, match=rf"given to the group {other.gr_name} \(api.group\)"):
        Access.of(settings(api={"group": other.gr_name}))
    own = accounts.group_name(os.getegid())
    given = Access.of(settings(api={"group": own, "may": "read"}))
    assert (given.group, given.full) == (os.getegid(), False)


@pytest.mark.parametrize(
    ("api", "told"),
    [
        ({"group": "no-such-group"}, "no such group on this machine"),
        ({"may": "write"}, "'read' or 'full'"),
    ],
)
def test_a_wrong_setting_is_named(api: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        settings(api=api)


@pytest.mark.parametrize(
    ("mode", "is_opened"), [(0o750, True), (0o700, False), (0o755, False), (0o711, False)]
)
def test_without_a_setting_the_group_is_that_for_which_systemd_made_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, *, is_opened: bool
) -> None:
    tmp_path.chmod(mode)
    assert settings().socket_group is None
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert settings().socket_group == (tmp_path.stat().st_gid if is_opened else None)
    assert settings(socket="/elsewhere/api.sock").socket_group is None


class TestAClosedSocket:
    """The folders are another user's: here they are told by a number that nobody has."""

    @pytest.fixture(autouse=True)
    def _as_ben(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: BEN)
        monkeypatch.setattr(admission, "own_groups", lambda: {BEN})
        monkeypatch.setattr(admission, "group_name", lambda _: "family")
        monkeypatch.setattr(
            admission, "user_name", {0: "root", DAEMON: "facewatchd", BEN: "ben"}.get
        )

    def seen(self, monkeypatch: pytest.MonkeyPatch, **modes: int) -> tuple[str, str]:
        """Return what is said where only these paths can be looked at, all of them the daemon's."""

        def stat(path: Path) -> os.stat_result:
            if path.name not in modes:
                raise PermissionError
            return os.stat_result((modes[path.name], 0, 0, 0, DAEMON, GROUP, 0, 0, 0, 0))

        monkeypatch.setattr(Path, "stat", stat)
        return why_closed(Path("/run/facewatchd/api.sock"))

    def test_in_a_folder_of_its_group(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admission, "groups_at_login", lambda _: {BEN})
        assert self.seen(monkeypatch, run=0o755, facewatchd=0o750) == (
            "facewatchd, root and the group family may",
            "sudo usermod -aG family ben, and log in again.",
        )

    def test_to_who_came_into_the_group_after_logging_in(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(admission, "groups_at_login", lambda _: {BEN, GROUP})
        words, remedy = self.seen(monkeypatch, run=0o755, facewatchd=0o750)
        assert "not in it yet when you logged in" in words
        assert re.match(r"Log in again; .* newgrp family$", remedy)

    @pytest.mark.parametrize(
        "modes", [{"run": 0o755, "facewatchd": 0o700}, {"facewatchd": 0o755, "api.sock": 0o600}]
    )
    def test_to_everybody(self, monkeypatch: pytest.MonkeyPatch, modes: dict[str, int]) -> None:
        assert self.seen(monkeypatch, **modes) == (
            "only facewatchd and root may",
            "Type the same command with: sudo -u facewatchd",
        )
