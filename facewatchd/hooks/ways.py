"""The ways out: a command, a webhook, Apprise.  Each delivers a message, or says why it did not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from http.client import HTTPException
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from facewatchd import __version__
from facewatchd.errors import ConfigError, HookError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.hooks.config import Hook, Webhook

_HEADER = "Facewatchd-Event-Id"
_ENV = "FACEWATCHD_EVENT_"
_NOT_THEIRS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")
_TRY = "The hook tries again by itself; docs/hooks.md says how often."


class Way(Protocol):
    """Delivers a message; ``document`` is what `Message.document` returns."""

    def send(self, document: dict[str, Any]) -> None:
        """Deliver it; HookError when it did not arrive, without a word of any secret."""
        ...


def way_of(hook: Hook) -> Way:
    """Return the way of a hook; ConfigError if it cannot be taken on this machine."""
    if hook.command is not None:
        return _Command(hook.command, hook.timeout)
    if hook.webhook is not None:
        return _Webhook(hook.webhook, hook.timeout)
    return _Apprise(hook.apprise or ())


class _Command:
    """Runs a program, no shell: the message is on its standard input and in its environment."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        if not os.access(command[0], os.X_OK):
            raise ConfigError(
                f"{command[0]} is no program that can be run.",
                "Name it with its whole path, and let the user of the hooks run it.",
            )
        self._command = list(command)
        self._seconds = seconds

    def send(self, document: dict[str, Any]) -> None:
        name = self._command[0]
        try:
            with subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=2,  # what it prints stands in our log
                env=_environment(document),
                start_new_session=True,  # so that its children can be ended with it
            ) as process:
                self._feed(process, json.dumps(document).encode())
                code = process.returncode
        except OSError as error:
            raise HookError(f"{name} cannot be started: {error.strerror}.", _TRY) from error
        if code:
            ended = f"status {code}" if code > 0 else f"signal {-code}"
            raise HookError(f"{name} ended with {ended}.", _TRY)

    def _feed(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        try:
            process.communicate(data, self._seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise HookError(
                f"{self._command[0]} took more than {self._seconds:g} s.", _TRY
            ) from None


def _environment(document: dict[str, Any]) -> dict[str, str]:
    """Return our environment and the message in it; facts only where it is about one event."""
    fields = {key: document[key] for key in ("hook", "library", "id", "kind", "count", "text")}
    if len(document["events"]) == 1:
        event = document["events"][0]
        fields |= {"at": event["at"]} | event["facts"]
    ours = {key: value for key, value in os.environ.items() if key not in _NOT_THEIRS}
    told = {_ENV + key.upper(): str(v) for key, v in fields.items() if v is not None}
    return ours | {key: value.replace("\0", "") for key, value in told.items()}


class _Webhook:
    """Posts the message as JSON; any answer but 2xx means that it did not arrive."""

    def __init__(self, webhook: Webhook, seconds: float) -> None:
        self._url = webhook.url
        self._headers = webhook.headers
        self._seconds = seconds
        self._host = urlsplit(webhook.url).hostname  # the rest of an address may be secret
        self._open = build_opener(_NoRedirect).open

    def send(self, document: dict[str, Any]) -> None:
        headers = {
            "User-Agent": f"facewatchd-hooks/{__version__}",
            **self._headers,
            "Content-Type": "application/json",
            _HEADER: document["id"],
        }
        request = Request(  # noqa: S310 -- the configuration takes http and https alone
            self._url, json.dumps(document).encode(), headers, method="POST"
        )
        try:
            with self._open(request, timeout=self._seconds):
                pass
        except HTTPError as error:
            error.close()
            raise HookError(f"{self._host} answered {error.code} {error.reason}.", _TRY) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise HookError(f"{self._host} cannot be reached: {reason}.", _TRY) from None


class _NoRedirect(HTTPRedirectHandler):
    """A redirect of a POST is followed by a GET without what was posted: it is a failure."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Apprise:
    """Sends the text by the services that Apprise knows."""

    def __init__(self, urls: Sequence[str]) -> None:
        try:
            apprise: Any = import_module("apprise")
        except ImportError as error:
            raise ConfigError(
                "A hook names apprise, which is not installed.",
                "Install it: pip install 'facewatchd[apprise]'",
            ) from error
        self._sender = apprise.Apprise()
        for number, url in enumerate(urls, 1):
            if not self._sender.add(url):
                raise ConfigError(
                    f"Apprise does not understand address {number} of a hook.",
                    "See its documents for how addresses are written.",
                )

    def send(self, document: dict[str, Any]) -> None:
        if not self._sender.notify(body=document["text"], title="facewatchd"):
            raise HookError("Apprise could not deliver the message.", _TRY)
