"""Every error facewatchd raises on purpose: what failed, where, and what to do next.

An error is raised where it is found and turned into words in one place (the entry points, the
API's error handler, a photo's row in the store).  ``title`` names what failed and where;
``remedy`` is the user's next step and is never empty.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of both programs; 64 and up follow sysexits.h, systemd does not restart 78."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_FOUND = 4
    CONFIG = 78


class FacewatchError(Exception):
    """What failed (``title``), and the user's next step (``remedy``)."""

    exit_code = Exit.FAILED

    def __init__(self, title: str, remedy: str) -> None:
        super().__init__(title, remedy)
        self.title = title
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.title}\n  {self.remedy}"


class ConfigError(FacewatchError):
    """The configuration cannot be used: a key, its value, and what is allowed."""

    exit_code = Exit.CONFIG


class StartError(FacewatchError):
    """The daemon cannot start on this machine as configured; a restart would not help."""

    exit_code = Exit.CONFIG


class LockedError(StartError):
    """Another program works on the state folder."""


class StoreError(FacewatchError):
    """The store cannot be opened or trusted."""

    exit_code = Exit.CONFIG


class JournalError(FacewatchError):
    """The journal of decisions cannot be read: damaged, of a newer version, of another library."""

    exit_code = Exit.CONFIG


class DecisionError(FacewatchError):
    """A decision cannot be taken as it was said: what is wrong with it."""


class StoreWriteError(FacewatchError):
    """A change could not be stored (a full or failing disk); nothing acknowledged is lost."""


class StoreDamagedError(FacewatchError):
    """SQLite came upon damage in the store; the next start makes it anew."""


class BackupError(FacewatchError):
    """A backup cannot be made or taken: where, and why."""


class PluginError(FacewatchError):
    """A detector, encoder or clusterer cannot be loaded, or does not keep to its protocol."""

    exit_code = Exit.CONFIG


class LoadError(FacewatchError):
    """A worker cannot load its engines; when only memory or time was short, a restart may help."""

    exit_code = Exit.CONFIG

    def __init__(self, title: str, remedy: str, exit_code: Exit = Exit.CONFIG) -> None:
        super().__init__(title, remedy)
        self.exit_code = exit_code


class RootError(FacewatchError):
    """No watched root can be read; when a disk is mounted later, a restart helps."""


class PhotoError(FacewatchError):
    """One photo cannot be read; stored as its reason, shown by ``facewatchctl errors``."""


class UnsupportedError(PhotoError):
    """One photo is in a format that is not read; ``kind`` names the format."""

    def __init__(self, kind: str, title: str, remedy: str) -> None:
        super().__init__(title, remedy)
        self.kind = kind


class OutputError(FacewatchError):
    """The output tree cannot be written."""

    def __init__(self, title: str, remedy: str, nameless: str | None = None) -> None:
        super().__init__(title, remedy)
        self.nameless = nameless or title  # for a log: without the folder of a person


class ReportError(FacewatchError):
    """A report cannot be made: what is missing, or where it cannot be written."""


class HookError(FacewatchError):
    """A hook could not deliver a message, or write down how far it is; it tries again."""


class NotRunningError(FacewatchError):
    """No daemon answers on the socket."""

    exit_code = Exit.NOT_RUNNING


class NotFoundError(FacewatchError):
    """The photo or person asked for is not known."""

    exit_code = Exit.NOT_FOUND


class NotAllowedError(FacewatchError):
    """Whoever asked the daemon may not use it, or not for this."""


class ApiError(FacewatchError):
    """The daemon refused a request, or speaks another version of the API."""
