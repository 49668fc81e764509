"""A transparency log of our own, only for tests: C2SP tlog-tiles written in plain Python from the specifications.

It shares nothing with the service nor with the verifier in Go: trees are RFC 6962, section 2.1, on `hashlib`. Signatures are
those of `cryptography`, which comes with `oidc-provider-mock`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

WIDTH = 256
#: What a log is made of: its files by their paths.
Files = dict[str, bytes]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class Key:
    """An Ed25519 key with a name, as c2sp.org/signed-note has them."""

    name: str
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return b"\x01" + self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self.public)[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(self.public)}"

    def sign(self, text: str) -> str:
        return f"— {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"


def note(text: str, *keys: Key) -> str:
    return text + "\n" + "".join(key.sign(text) for key in keys)


def records(count: int, mark: str = "r", first: int = 0) -> list[bytes]:
    """So many small entries with ids of their own."""
    return [f'{{"record_id":"{mark}{index}"}}'.encode() for index in range(first, first + count)]


class Tree:
    """A Merkle tree over entries, with the hashes of all its complete subtrees by height."""

    def __init__(self, entries: list[bytes]):
        self.size = len(entries)
        self.heights = [[sha256(b"\x00" + entry) for entry in entries]]
        while len(below := self.heights[-1]) > 1:
            pairs = zip(below[::2], below[1::2])
            self.heights.append([sha256(b"\x01" + left + right) for left, right in pairs])

    def hash(self, start: int, end: int) -> bytes:
        """MTH(D[start:end])."""
        count = end - start
        if count == 0:
            return sha256(b"")
        height = count.bit_length() - 1
        if count == 1 << height:
            return self.heights[height][start >> height]
        left = start + (1 << height)
        return sha256(b"\x01" + self.hash(start, left) + self.hash(left, end))

    def root(self, size: int | None = None) -> bytes:
        return self.hash(0, self.size if size is None else size)

    def path(self, index: int, start: int, end: int) -> list[bytes]:
        """PATH(index, D[start:end]), from the leaf's sibling upwards."""
        if end - start == 1:
            return []
        left = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < left:
            return [*self.path(index, start, left), self.hash(left, end)]
        return [*self.path(index, left, end), self.hash(start, left)]


class TileLog:
    """A log, and its files."""

    def __init__(self, entries: list[bytes], key: Key, origin: str | None = None):
        self.entries, self.key, self.origin = entries, key, origin or key.name
        self.tree = Tree(entries)

    def text(self, size: int) -> str:
        return f"{self.origin}\n{size}\n{b64(self.tree.root(size))}\n"

    def checkpoint(self, size: int | None = None) -> str:
        return note(self.text(len(self.entries) if size is None else size), self.key)

    def files(self) -> Files:
        """Every file of the log as it is now, by its path."""
        found = {"checkpoint": self.checkpoint().encode()}
        for level in range(0, len(self.tree.heights), 8):
            found |= tiles(str(level // 8), self.tree.heights[level])
        return found | tiles("entries", [len(entry).to_bytes(2, "big") + entry for entry in self.entries])

    def receipt(self, index: int, extra: bytes | None = None) -> str:
        """A c2sp.org/tlog-proof@v1 for one entry."""
        lines = ["c2sp.org/tlog-proof@v1", *([f"extra {b64(extra)}"] if extra is not None else []), f"index {index}"]
        lines += map(b64, self.tree.path(index, 0, len(self.entries)))
        return "\n".join(lines) + "\n\n" + self.checkpoint()


def tiles(level: str, pieces: list[bytes]) -> Files:
    """What a level is cut into, the last one partial unless it is full."""
    found = {}
    for start in range(0, len(pieces), WIDTH):
        tile = pieces[start : start + WIDTH]
        found[place(level, start // WIDTH, len(tile))] = b"".join(tile)
    return found


def place(level: str, number: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`."""
    groups = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
    return f"tile/{level}/{groups}" + (f".p/{width}" if width < WIDTH else "")


def write(files: Files, folder: Path) -> Path:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def entries_of(files: Files, path: str) -> list[bytes]:
    """The entries of a bundle."""
    data, found = files[path], []
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        found.append(data[2:end])
        data = data[end:]
    return found


def bundle(entries: list[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


NAME = "example.org/audit"
KEY = Key(NAME)
#: A log of three tiles, the last one partial.
MIDDLE = 600


@functools.cache
def log(size: int) -> TileLog:
    """A right log of so many small records."""
    return TileLog(records(size), KEY)


@functools.cache
def files(size: int) -> Files:
    return log(size).files()
