"""Pure: what the user said, and what follows from it for people and faces.

`decision` is one line of the journal, `said` what they come to, `replaying` how.  Importable with
the standard library alone.
"""

from facewatchd.decisions.decision import Decision, Kind, Origin, Spoken, Spot, from_line, to_line
from facewatchd.decisions.replaying import replay
from facewatchd.decisions.said import FaceSaid, PersonSaid, Said, Touched

__all__ = [
    "Decision",
    "FaceSaid",
    "Kind",
    "Origin",
    "PersonSaid",
    "Said",
    "Spoken",
    "Spot",
    "Touched",
    "from_line",
    "replay",
    "to_line",
]
