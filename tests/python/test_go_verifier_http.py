"""The auditor's verifier in Go, and servers that are busy, refuse, send elsewhere, or do not end."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from go_verifier import Verifier, refused
from tile_log import KEY, MIDDLE, NAME, files, place, write
from tile_site import Site


def test_a_token_goes_with_every_request_and_is_needed(verifier: Verifier, tmp_path: Path) -> None:
    def reply(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return site.serve(path, headers) if headers.get("authorization") == "Bearer s3cret" else (401, {}, b"who are you?")

    with Site(files(MIDDLE), reply) as site:
        assert verifier.run("verify", "-token", "s3cret", site.url + "/", KEY.vkey).status == 0
        file = tmp_path / "token"
        file.write_text("s3cret\n")
        assert verifier.run("verify", "-token", f"@{file}", site.url, KEY.vkey).status == 0
        for options in ([], ["-token", "wrong"]):
            outcome = verifier.run("verify", *options, site.url, KEY.vkey)
            assert outcome.status == 2 and "401" in outcome.error and "-token" in outcome.error, outcome


def test_a_token_does_not_follow_a_redirect(verifier: Verifier) -> None:
    with Site(files(3)) as elsewhere:
        moved = (302, {"location": f"{elsewhere.url}/checkpoint"}, b"")
        with Site(reply=lambda *_: moved) as site:
            outcome = verifier.run("verify", "-token", "s3cret", site.url, KEY.vkey)
            assert outcome.status == 2 and "302" in outcome.error, outcome
        assert elsewhere.asked == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(verifier: Verifier, status: int) -> None:
    counts: dict[str, int] = {}

    def reply(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        counts[path] = counts.get(path, 0) + 1
        if path.endswith("tile/0/001") and counts[path] == 1:
            return status, {"retry-after": "1"}, b"later"
        return site.serve(path, headers)

    with Site(files(MIDDLE), reply) as site:
        assert verifier.run("verify", site.url, KEY.vkey).status == 0
        assert counts["/audit/log/tile/0/001"] == 2
        assert max(counts.values()) == 2, "nothing is fetched twice otherwise"


def test_a_server_that_stays_busy_is_given_up(verifier: Verifier) -> None:
    with Site(reply=lambda *_: (503, {}, b"never")) as site:
        outcome = verifier.run("verify", site.url, KEY.vkey)
        assert outcome.status == 2 and "503" in outcome.error and len(site.asked) == 5, outcome


def test_compressed_answers_are_read_and_bounded(verifier: Verifier) -> None:
    def reply(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        assert "gzip" in headers["accept-encoding"]
        status, more, body = site.serve(path, headers)
        return status, {"content-encoding": "gzip"}, gzip.compress(body)

    with Site(dict(files(MIDDLE)), reply) as site:
        assert verifier.run("verify", site.url, KEY.vkey).status == 0
        site.files[place("0", 1)] = bytes(50_000_000)
        refused(verifier.run("verify", site.url, KEY.vkey), "more than the 8192 bytes")


def test_a_tile_without_end_is_not_read_to_its_end(verifier: Verifier) -> None:
    def reply(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("tile/0/001"):
            return 200, {"content-length": str(1 << 40)}, bytes(1 << 20)
        return site.serve(path, headers)

    with Site(files(MIDDLE), reply) as site:
        refused(verifier.run("verify", site.url, KEY.vkey, timeout=30), "more than the 8192 bytes")


def test_what_could_not_be_looked_at_is_told_apart(verifier: Verifier, tmp_path: Path) -> None:
    """Nothing there, no answer in time, and an answer that breaks off say nothing about the log."""

    def check(expected: str, *args: object) -> None:
        outcome = verifier.run(*args)
        assert outcome.status == 2 and expected in outcome.error, outcome

    with Site() as site:
        check("check the address", "verify", site.url, KEY.vkey)
    check("refused", "verify", site.url, KEY.vkey)
    check("check the address", "verify", "-root", tmp_path / "nowhere", KEY.vkey)
    with Site(reply=lambda *_: (200, {"content-length": "1000", "connection": "close"}, b"half")) as site:
        check("unexpected EOF", "verify", site.url, KEY.vkey)
    with Site(reply=lambda *_: (500, {}, b"out of\norder")) as site:
        check('500 Internal Server Error: "out of\\norder"', "verify", site.url, KEY.vkey)
    with Site(reply=lambda *_: time.sleep(3) or (200, {}, b"")) as site:
        check("exceeded", "verify", "-timeout", "300ms", site.url, KEY.vkey)
    (tmp_path / "checkpoint").mkdir()
    check("is not a file", "verify", "-root", tmp_path, KEY.vkey)


def test_what_makes_no_sense_is_said(verifier: Verifier, tmp_path: Path) -> None:
    folder = write(files(3), tmp_path / "log")

    def check(expected: str, *args: object) -> None:
        outcome = verifier.run(*args)
        assert outcome.status == 2 and expected in outcome.error, outcome

    check("name a verb")
    check('no verb "check"', "check")
    check("give URL VKEY", "verify")
    check("give VKEY after", "verify", "-root", folder)
    check("give VKEY INDEX after", "prove", "-root", folder, KEY.vkey)
    check("give FILE VKEY ENTRYFILE", "receipt", "a", "b")
    check("not defined: -what", "verify", "-what", "http://127.0.0.1", KEY.vkey)
    check("http(s)://", "verify", "ftp://example.org", KEY.vkey)
    check("http(s)://", "verify", folder, KEY.vkey)
    check("longer than nothing", "verify", "-timeout", "0s", "http://127.0.0.1:1", KEY.vkey)
    for index in ("x", "-1", "01", str(2**64)):
        check("is not the index", "prove", "-root", folder, KEY.vkey, index)
    for vkey in ("", NAME, KEY.vkey[:-4], KEY.vkey.replace(NAME, "other")):
        check("the verifier key", "verify", "-root", folder, vkey)
    check("no such file", "verify", "-known", tmp_path / "none", "-root", folder, KEY.vkey)
    check("cannot be kept", "verify", "-save", tmp_path / "none" / "kept", "-root", folder, KEY.vkey)
