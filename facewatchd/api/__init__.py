"""The daemon's HTTP API, version 1, on a unix socket: the server.

Paths of photos travel as UTF-8 text in which undecodable bytes are surrogates (``os.fsdecode``),
escaped to ASCII in JSON and percent-encoded in a query, so that any byte string survives the
round trip.
"""

from facewatchd.api.peers import Access
from facewatchd.api.query import Control
from facewatchd.api.routes import API_VERSION, ROUTES, openapi
from facewatchd.api.server import HEADER, ApiServer

__all__ = ["API_VERSION", "HEADER", "ROUTES", "Access", "ApiServer", "Control", "openapi"]
