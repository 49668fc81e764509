"""Serves the files of a log of the tests over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tile_log import Files

#: From a request's path and headers, the status, more headers, and the body.
Reply = Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]]


class Site:
    """Serves a log's files on loopback, and notes what was asked for."""

    def __init__(self, files: Files | None = None, reply: Reply | None = None):
        self.files, self.asked = files or {}, []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes: with Nagle's algorithm the second would wait for an acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.asked.append((self.path, headers))
                status, more, body = (reply or site.serve)(self.path, headers)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    # Who asked has had enough.
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/audit/log"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, path: str, _headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        body = self.files.get(path.removeprefix("/audit/log/"))
        return (404, {}, b"no such file") if body is None else (200, {}, body)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
