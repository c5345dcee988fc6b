"""The page on this machine: loopback only, a random port, and an address that cannot be guessed.

Other pages in the same browser can send requests to this server. They do not know the token of
its address, their `Origin` is another one, and a name that was pointed here by its owner comes
with another `Host`; each alone is refused. Nothing is written, and no file is read but the page.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..errors import FlipslideError
from .page import make_page

__all__ = ["Server"]

LOOPBACK = "127.0.0.1"
#: A question to the server is a shape or two.
MAX_BODY = 1 << 16
PATIENCE = 10.0

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves the page at `url` from `serve_forever` until `shutdown`."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.token = secrets.token_urlsafe(16)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection is no news."""


class Handler(BaseHTTPRequestHandler):
    """Answers for the page and for what only this machine knows."""

    server: Server
    server_version = "flipslide"
    sys_version = ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        """The page, or a fact about this machine."""
        self._answer({"": _send_page, "api/info": _send_info})

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_POST(self) -> None:
        """A question with a body."""
        self._answer({"api/plan": _send_plan})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _answer(self, routes: dict[str, Callable[[Handler], None]]) -> None:
        refusal = self._refusal()
        if refusal is not None:
            return self.send(refusal, "text/plain", refusal.phrase)
        _, _, path = self.path.partition(f"/{self.server.token}/")
        route = routes.get(path.partition("?")[0])
        if route is None:
            return self.send(HTTPStatus.NOT_FOUND, "text/plain", "Not found")
        return route(self)

    def _refusal(self) -> HTTPStatus | None:
        """Why a request is not answered at all."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host not in self.server.hosts:
            return HTTPStatus.MISDIRECTED_REQUEST
        if origin is not None and origin not in {f"http://{name}" for name in self.server.hosts}:
            return HTTPStatus.FORBIDDEN
        if not secrets.compare_digest(
            self.path.encode()[: len(self.server.token) + 2], f"/{self.server.token}/".encode()
        ):
            return HTTPStatus.NOT_FOUND
        return None

    def send(self, status: HTTPStatus, kind: str, text: str) -> None:
        """One whole answer."""
        body = text.encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_json(self) -> Any:
        """The body, or None where there is none that can be read."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return None
        try:
            return json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None


def _send_page(handler: Handler) -> None:
    handler.send(HTTPStatus.OK, "text/html", make_page())


def _send_info(handler: Handler) -> None:
    import flipslide as fs

    known = {"version": fs.__version__, "threads": fs.get_num_threads()}
    handler.send(HTTPStatus.OK, "application/json", json.dumps(known))


def _send_plan(handler: Handler) -> None:
    """How `convolve` would compute a call of these shapes on this machine."""
    import flipslide as fs

    asked = handler.read_json()
    if not isinstance(asked, dict) or not {"x", "w"} <= set(asked):
        return handler.send(HTTPStatus.BAD_REQUEST, "text/plain", 'Send {"x": [rows, columns], "w": [rows, columns]}')
    try:
        plan = fs.plan(tuple(asked["x"]), tuple(asked["w"]), asked.get("dtype", "float32"), mode="same")
    except (FlipslideError, TypeError) as error:
        return handler.send(HTTPStatus.BAD_REQUEST, "text/plain", str(error))
    return handler.send(HTTPStatus.OK, "text/plain", str(plan))
