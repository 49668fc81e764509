"""llama.cpp's server in a process of its own, and what can go wrong with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import free_port, model_path

HERE = Path(__file__).parent


class Llama:
    """llama.cpp's server."""

    def __init__(self, slots: int = 4, threads: int | None = None) -> None:
        self.port, self.slots, self.threads = free_port(), slots, threads
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Llama:
        command = [sys.executable, "-B", str(HERE / "llama_server.py"), str(model_path()), str(self.port), str(self.slots)]
        command += [str(self.threads)] if self.threads else []
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().startswith(b"http"), "llama.cpp's server did not start"
        return self

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """It keeps its connections and accepts new ones, and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def busy(self) -> int:
        """Slots at work."""
        with urllib.request.urlopen(f"{self.url}/slots", timeout=10) as reply:
            return sum(slot["is_processing"] for slot in json.load(reply))


class Sick:
    """Stands before a server, and can answer each completion with 500; its own health looks well all the time."""

    def __init__(self, url: str) -> None:
        self.sick, self.refused = False, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.forward(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if outer.sick and "completion" in self.path:
                    outer.refused += 1
                    self.answer(500, b'{"error": {"message": "out of memory"}}')
                else:
                    self.forward(body)

            def forward(self, body: bytes | None) -> None:
                request = urllib.request.Request(url + self.path, body, {"content-type": "application/json"})
                try:
                    with urllib.request.urlopen(request, timeout=60) as reply:
                        self.send_response(reply.status)
                        self.send_header("content-type", reply.headers["content-type"])
                        self.end_headers()
                        while piece := reply.read1(65536):
                            self.wfile.write(piece)
                except urllib.error.HTTPError as error:
                    self.answer(error.code, error.read())
                except OSError:
                    self.close_connection = True

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
