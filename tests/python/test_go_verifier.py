"""The auditor's verifier in Go takes logs that are right, and refuses whatever is not, over HTTP and from a folder."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from go_verifier import SOURCES, Verifier, build, go, library, program, refused
from tile_log import KEY, MIDDLE, NAME, Files, Key, TileLog, b64, bundle, entries_of, files, log, note, place, records, write
from tile_site import Site

SIZES = [0, 1, 2, 255, 256, 257, 600, 65_536 + 3]


@pytest.fixture
def middle() -> Files:
    return dict(files(MIDDLE))


@pytest.fixture(params=["folder", "http"])
def look(request: pytest.FixtureRequest, verifier: Verifier, tmp_path: Path) -> Iterator[Callable]:
    """Runs a verb on a log's files, in each of the two ways to get at them."""
    sites: list[Site] = []

    def run(verb: str, found: Files, *after: object, options: tuple = (), vkey: str = KEY.vkey):
        if request.param == "folder":
            where = ("-root", write(found, tmp_path / f"log-{len(list(tmp_path.iterdir()))}"))
            return verifier.run(verb, *options, *where, vkey, *after)
        sites.append(Site(found))
        return verifier.run(verb, *options, sites[-1].url, vkey, *after)

    yield run
    for site in sites:
        site.__exit__()


def known(tmp_path: Path, checkpoint: str) -> tuple[str, Path]:
    path = tmp_path / "known.txt"
    path.write_text(checkpoint)
    return "-known", path


# What is right is taken.


@pytest.mark.parametrize("size", SIZES)
def test_a_right_log_is_taken(look: Callable, size: int) -> None:
    outcome = look("verify", files(size))
    root = b64(log(size).tree.root())
    assert outcome.report == {"ok": True, "origin": NAME, "size": size, "root": root}, outcome


@pytest.mark.parametrize("size", SIZES)
def test_growth_from_every_earlier_size_is_proved(verifier: Verifier, tmp_path: Path, size: int) -> None:
    folder = write(files(size), tmp_path / "log")
    for earlier in [old for old in SIZES if old <= size]:
        option = known(tmp_path, log(size).checkpoint(earlier))
        assert verifier.well("verify", *option, "-root", folder, KEY.vkey)["known"] == earlier


def test_what_was_saved_is_known_the_next_time(look: Callable, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    assert look("verify", files(257), options=("-save", kept)).status == 0
    assert kept.read_text() == log(257).checkpoint()
    outcome = look("verify", files(MIDDLE), options=("-known", kept, "-save", kept))
    assert outcome.report["known"] == 257
    assert kept.read_text() == log(MIDDLE).checkpoint()


def test_a_log_that_does_not_hold_is_not_saved(verifier: Verifier, middle: Files, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("as it was")
    middle[place("0", 1)] = bytes(8192)
    refused(verifier.run("verify", "-save", kept, "-root", write(middle, tmp_path / "log"), KEY.vkey))
    assert kept.read_text() == "as it was"


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, MIDDLE, 65_536 + 3])
def test_inclusion_is_proved_as_the_specification_has_it(look: Callable, size: int) -> None:
    picks = {0, size // 2, size - 1, *random.Random(size).sample(range(size), min(size, 5))}
    for index in sorted(picks):
        report = look("prove", files(size), index).report
        assert report["proof"] == [b64(piece) for piece in log(size).tree.path(index, 0, size)], report
        assert (report["index"], report["leaf"]) == (index, b64(log(size).tree.hash(index, index + 1)))


def test_a_partial_tile_that_gave_way_to_the_full_one_is_found_there(look: Callable, middle: Files) -> None:
    """The log has grown between the checkpoint and the tiles, and dropped what became full."""
    grown = dict(files(1000))
    grown["checkpoint"] = middle["checkpoint"]
    assert place("0", 2, 88) not in grown
    assert look("verify", grown | {place("1", 0, 2): files(MIDDLE)[place("1", 0, 2)]}).report["size"] == MIDDLE


def test_a_long_entry_and_other_signatures_do_no_harm(look: Callable) -> None:
    longest = b'{"record_id":"long","text":"' + b"x" * (65_535 - 30) + b'"}'
    assert len(longest) == 65_535
    long = TileLog([*records(3), longest], KEY)
    found = long.files()
    witnesses = [Key(f"witness{number}.example") for number in range(20)]
    found["checkpoint"] = note(long.text(4), witnesses[0], KEY, *witnesses[1:]).encode()
    assert look("verify", found).status == 0


def test_an_extension_line_is_passed_over(look: Callable) -> None:
    found = dict(files(3))
    found["checkpoint"] = note(log(3).text(3) + "an extension\n", KEY).encode()
    assert look("verify", found).status == 0


# What is wrong is refused.


def changed_entry(found: Files) -> None:
    entries = entries_of(found, place("entries", 1))
    entries[7] = entries[7].replace(b"r", b"s")
    found[place("entries", 1)] = bundle(entries)


def removed_entry(found: Files) -> None:
    entries = entries_of(found, place("entries", 1))
    found[place("entries", 1)] = bundle(entries[:7] + entries[8:])


def swapped_entries(found: Files) -> None:
    entries = entries_of(found, place("entries", 1))
    entries[7], entries[8] = entries[8], entries[7]
    found[place("entries", 1)] = bundle(entries)


def one_too_many(found: Files) -> None:
    last = place("entries", 2, 88)
    found[last] = bundle([*entries_of(found, last), b'{"record_id":"more"}'])


def one_too_many_in_a_full_one(found: Files) -> None:
    found[place("entries", 0)] += bundle([b'{"record_id":"more"}'])


def no_entries(found: Files) -> None:
    found[place("entries", 2, 88)] = b""


def entry_cut_off(found: Files) -> None:
    found[place("entries", 2, 88)] = found[place("entries", 2, 88)][:-1]


def length_cut_off(found: Files) -> None:
    found[place("entries", 2, 88)] += b"\0"


def bundle_gone(found: Files) -> None:
    del found[place("entries", 1)]


def last_bundle_gone(found: Files) -> None:
    del found[place("entries", 2, 88)]


def bundle_in_another_place(found: Files) -> None:
    found[place("entries", 0)], found[place("entries", 1)] = found[place("entries", 1)], found[place("entries", 0)]


def tile_gone(found: Files) -> None:
    del found[place("0", 1)]


def tile_too_long(found: Files) -> None:
    found[place("0", 1)] += bytes(32)


def tile_too_short(found: Files) -> None:
    found[place("0", 1)] = found[place("0", 1)][:-32]


def entry_and_its_hash(found: Files) -> None:
    forge(found, 1)


def forge(found: Files, number: int) -> None:
    """Changes an entry together with the tile of leaves above it; only the tile above that still knows."""
    forged = records(256, first=256 * number)
    forged[7] = b'{"record_id":"forged"}'
    found[place("entries", number)] = bundle(forged)
    found[place("0", number)] = TileLog(forged, KEY).files()[place("0", 0)]


def every_tile(found: Files) -> None:
    """A whole other log below the old checkpoint."""
    other = TileLog(records(MIDDLE, "other"), KEY).files()
    found.update({path: data for path, data in other.items() if path != "checkpoint"})


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (changed_entry, "entry 263 has the hash"),
        (removed_entry, "has 255 entries, not 256"),
        (swapped_entries, "entry 263 has the hash"),
        (one_too_many, "has 89 entries, not 88"),
        (one_too_many_in_a_full_one, "has 257 entries, not 256"),
        (no_entries, "has 0 entries, not 88"),
        (entry_cut_off, "entry 87 is cut off"),
        (length_cut_off, "the length of entry 88 is cut off"),
        (bundle_gone, "it is not there, but the checkpoint promises it"),
        (last_bundle_gone, "it is not there, but the checkpoint promises it"),
        (bundle_in_another_place, "entry 0 has the hash"),
        (tile_gone, "it is not there, but the checkpoint promises it"),
        (tile_too_long, "tile/0/001 has more than the 8192 bytes"),
        (tile_too_short, "tile/0/001 has 8160 bytes, not 8192"),
        (entry_and_its_hash, "the tiles above entries 256 to 511: tile/0/001 is not the tile that tile/1/000.p/2 names"),
        (every_tile, "downloaded inconsistent tile"),
    ],
)
def test_a_damaged_log_is_refused(look: Callable, middle: Files, damage: Callable, expected: str) -> None:
    damage(middle)
    refused(look("verify", middle), expected)


@pytest.mark.parametrize("size", [257, 511, 512, 767, 1023, 1024, 65_536 + 3])
def test_a_forged_entry_is_found_whatever_the_size(verifier: Verifier, tmp_path: Path, size: int) -> None:
    """How many full tiles the library leaves unchecked (CVE-2026-56865) depends on the bits of the size."""
    folder = write(files(size), tmp_path)
    for number in sorted({0, size // 512, size // 256 - 1}):
        found = dict(files(size))
        forge(found, number)
        for path in (place("entries", number), place("0", number)):
            (folder / path).write_bytes(found[path])
        refused(verifier.run("verify", "-root", folder, KEY.vkey), "tile")
        refused(verifier.run("prove", "-root", folder, KEY.vkey, 256 * number + 7))
        write({path: files(size)[path] for path in (place("entries", number), place("0", number))}, folder)
    verifier.well("verify", "-root", folder, KEY.vkey)


@pytest.mark.parametrize("path", [place("0", 0), place("0", 256, 3), place("1", 0), place("2", 0, 1)])
def test_one_bit_of_a_tile_at_any_level_is_seen(verifier: Verifier, tmp_path: Path, path: str) -> None:
    found = dict(files(65_536 + 3))
    found[path] = flipped(found[path], len(found[path]) - 1, 0)
    refused(verifier.run("verify", "-root", write(found, tmp_path), KEY.vkey), "the tiles above entries 0 to 255")


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_one_bit_anywhere_is_seen(verifier: Verifier, tmp_path: Path) -> None:
    """Of the checkpoint only the signed text: base64 leaves bits of a signature's end to nobody."""
    folder, draw = write(files(MIDDLE), tmp_path), random.Random(11)
    assert verifier.run("verify", "-root", folder, KEY.vkey).status == 0
    for path, data in files(MIDDLE).items():
        end = len(log(MIDDLE).text(MIDDLE).encode()) if path == "checkpoint" else len(data)
        for at in [0, end - 1, *draw.sample(range(end), 10)]:
            (folder / path).write_bytes(flipped(data, at, draw.randrange(8)))
            assert verifier.run("verify", "-root", folder, KEY.vkey).status == 1, (path, at)
        (folder / path).write_bytes(data)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (b"", "it is not a JSON object"),
        (b"[]", "it is not a JSON object"),
        (b"hello", "it is not a JSON object"),
        (b"{}", "it has no record_id"),
        (b'{"Record_ID":"a"}', "it has no record_id"),
        (b'{"body":{"record_id":"a"}}', "it has no record_id"),
        (b'{"record_id":null}', "its record_id is not a text, or empty"),
        (b'{"record_id":7}', "its record_id is not a text, or empty"),
        (b'{"record_id":""}', "its record_id is not a text, or empty"),
        (b'{"record_id":"a","record_id":"b"}', 'its field "record_id" stands twice'),
        (b'{"record_id":"a","record\\u005fid":"b"}', 'its field "record_id" stands twice'),
        (b'{"record_id":"a"', "it is not JSON"),
        (b'{"record_id":"a",}', "it is not JSON"),
        (b'{"record_id":"a" "v":1}', "it is not JSON"),
        (b'{"record_id":"a","v":}', "it is not JSON"),
        (b'{"record_id":"a"}{}', "something follows its JSON object"),
        (b'{"record_id":"a"}x', "something follows its JSON object"),
        (b'{"record_id":"\xff"}', "it is not UTF-8"),
        (b'{"record_id":"r1"}', 'entries 1 and 3 have the same record_id "r1"'),
        (b'{"v":2,"record_id":"r\\u0031"}', 'entries 1 and 3 have the same record_id "r1"'),
    ],
)
def test_a_log_of_what_are_no_records_is_refused(verifier: Verifier, tmp_path: Path, entry: bytes, expected: str) -> None:
    found = TileLog([*records(3), entry, *records(3, "more")], KEY).files()
    refused(verifier.run("verify", "-root", write(found, tmp_path), KEY.vkey), expected)


def test_two_records_of_one_id_are_found_across_bundles(look: Callable) -> None:
    found = TileLog([*records(300), *records(1)], KEY).files()
    refused(look("verify", found), "entries 0 and 300 have the same record_id")


# Checkpoints.


def other_key() -> str:
    return note(log(MIDDLE).text(MIDDLE), Key(NAME))


def wrong_signature() -> str:
    text = log(MIDDLE).text(MIDDLE)
    signature = KEY.private.sign(b"another text")
    return f"{text}\n— {NAME} {b64(KEY.id + signature)}\n"


def signed(text: str) -> Callable[[], str]:
    return lambda: note(text, KEY)


ROOT = b64(bytes(32))
#: The last letter of a root's base64 has two bits that nobody reads.
LOOSE = ROOT[:-2] + "B="


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (other_key, "no verifiable signatures by the given key"),
        (wrong_signature, "invalid signature for key"),
        (signed(log(MIDDLE).text(MIDDLE).replace(NAME, "example.org/other")), 'its origin is "example.org/other"'),
        (signed(log(MIDDLE).text(MIDDLE).replace(NAME, NAME + " ")), "its origin is"),
        (lambda: log(MIDDLE).text(MIDDLE), "malformed note"),
        (lambda: log(MIDDLE).checkpoint()[:-1], "malformed note"),
        (lambda: log(MIDDLE).checkpoint()[:-20], "malformed note"),
        (lambda: "", "malformed note"),
        (lambda: log(MIDDLE).checkpoint().replace("600", "601"), "invalid signature for key"),
        (signed(f"{NAME}\n600\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n0600\n{ROOT}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n-1\n{ROOT}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n+1\n{ROOT}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n1\n{ROOT[:-4]}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n1\n{LOOSE}\n"), "its root is not in canonical base64"),
        (signed(f"{NAME}\n1\n{ROOT}\n\nmore\n"), "it has an empty line"),
        (signed(f"{NAME}\n0\n{ROOT}\n"), "not that of an empty tree"),
        (signed(f"{NAME}\n{2**48 + 1}\n{ROOT}\n"), "is more than any log's"),
        (signed(f"{NAME}\n{2**63 - 1}\n{ROOT}\n"), "is more than any log's"),
        (signed(f"{NAME}\n{2**64}\n{ROOT}\n"), "size and root cannot be read"),
        (signed(f"{NAME}\n{2**48}\n{ROOT}\n"), "it is not there"),
        (signed(log(MIDDLE).text(MIDDLE).replace("600", "599")), "it is not there"),
        (signed(log(257).text(257).replace("257", "600")), "downloaded inconsistent tile"),
    ],
)
def test_a_wrong_checkpoint_is_refused(look: Callable, middle: Files, make: Callable[[], str], expected: str) -> None:
    middle["checkpoint"] = make().encode()
    refused(look("verify", middle), expected)


def test_an_endless_checkpoint_is_refused(look: Callable, middle: Files) -> None:
    middle["checkpoint"] = b"x" * (1 << 20) + b"x"
    refused(look("verify", middle), "more than the 1048576 bytes")


def test_a_key_may_sign_for_an_origin_of_another_name(look: Callable) -> None:
    named = TileLog(records(3), KEY, "elsewhere.example/log").files()
    refused(look("verify", named), 'its origin is "elsewhere.example/log"')
    assert look("verify", named, options=("-origin", "elsewhere.example/log")).status == 0


def fork(size: int, old: int) -> TileLog:
    """A log of the same key that is another from just before the old size on."""
    return TileLog(records(old - 1) + records(size - old + 1, "fork"), KEY)


@pytest.mark.parametrize(
    ("size", "checkpoint", "expected"),
    [
        (600, lambda: fork(600, 300).checkpoint(), "the log is forked: it signed the roots"),
        (600, lambda: fork(600, 300).checkpoint(300), "does not begin with its tree of 300"),
        (600, lambda: fork(600, 256).checkpoint(256), "does not begin with its tree of 256"),
        (600, lambda: fork(600, 1).checkpoint(1), "does not begin with its tree of 1:"),
        (65_539, lambda: fork(65_539, 65_536).checkpoint(65_536), "does not begin with its tree of 65536"),
        (257, lambda: log(600).checkpoint(), "the log has shrunk: it had 600 entries, now it shows 257"),
        (0, lambda: log(600).checkpoint(1), "the log has shrunk: it had 1 entries, now it shows 0"),
        (600, lambda: note(log(300).text(300), Key(NAME)), "the known checkpoint is not good: note has no verifiable"),
        (600, lambda: log(300).checkpoint()[:-1], "the known checkpoint is not good: malformed note"),
        (600, lambda: TileLog(records(300), KEY, "other").checkpoint(), "the known checkpoint is not good: its origin"),
    ],
)
def test_a_log_that_an_earlier_checkpoint_contradicts_is_refused(
    look: Callable, tmp_path: Path, size: int, checkpoint: Callable[[], str], expected: str
) -> None:
    option = known(tmp_path, checkpoint())
    refused(look("verify", files(size), options=option), expected)


# One entry.


def test_an_entry_that_is_not_the_one_in_the_tree_is_not_proved(look: Callable, middle: Files) -> None:
    changed_entry(middle)
    refused(look("prove", middle, 263), "entry 263 is not the one in the tree")
    assert look("prove", middle, 262).status == 0, "the entry beside it is"
    every_tile(middle)
    refused(look("prove", middle, 262), "downloaded inconsistent tile")
    refused(look("prove", middle, 600), "there is no entry 600: the log has 600")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 256, 257, MIDDLE])
def test_a_receipt_holds_for_its_entry_and_no_other(verifier: Verifier, tmp_path: Path, size: int) -> None:
    receipt, entry = tmp_path / "a.tlog-proof", tmp_path / "entry.json"
    for index in sorted({0, size // 2, size - 1}):
        receipt.write_text(log(size).receipt(index, b"for nobody" if index % 2 else None))
        entry.write_bytes(log(size).entries[index])
        report = verifier.well("receipt", receipt, KEY.vkey, entry)
        assert (report["index"], report["size"], report["root"]) == (index, size, b64(log(size).tree.root()))
        entry.write_bytes(log(size).entries[index] + b"\n")
        refused(verifier.run("receipt", receipt, KEY.vkey, entry), "the receipt does not hold for these")


def line_replaced(number: int, *lines: str) -> Callable[[list[str]], list[str]]:
    """Replaces one line of a receipt by others."""
    return lambda old: [*old[:number], *lines, *old[number + 1 :]]


def two_hashes_swapped(lines: list[str]) -> list[str]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (line_replaced(0, "c2sp.org/tlog-proof@v2"), "does not begin with c2sp.org/tlog-proof@v1"),
        (line_replaced(0), "does not begin with c2sp.org/tlog-proof@v1"),
        (line_replaced(1, "index 8"), "does not hold"),
        (line_replaced(1, "index 600"), "does not hold"),
        (line_replaced(1, "index 07"), '"07" is not the index'),
        (line_replaced(1, "index -7"), '"-7" is not the index'),
        (line_replaced(1, f"index {2**64}"), "is not the index"),
        (line_replaced(1), "no line with an index"),
        (line_replaced(1, "index 7", "extra AAAA"), "hash 0 of its proof cannot be read"),
        (line_replaced(1, "extra !", "index 7"), "its extra data cannot be read"),
        (line_replaced(2), "does not hold"),
        (line_replaced(2, ROOT), "does not hold"),
        (line_replaced(2, ROOT[:-4]), "hash 0 of its proof cannot be read"),
        (line_replaced(2, LOOSE), "hash 0 of its proof cannot be read"),
        (line_replaced(2, *[ROOT] * 64), "no proof has more than 63"),
        (two_hashes_swapped, "does not hold"),
        (lambda lines: lines[: lines.index("")], "no empty line"),
        (lambda lines: [*lines[: lines.index("") + 1], *other_key().split("\n")], "checkpoint is not good"),
        (lambda lines: [*lines[: lines.index("") + 1], *log(257).checkpoint().split("\n")], "does not hold"),
        (lambda lines: [line.replace("\n600", "\n601") for line in lines][:-2], "checkpoint is not good"),
    ],
)
def test_a_wrong_receipt_is_refused(verifier: Verifier, tmp_path: Path, change: Callable, expected: str) -> None:
    receipt, entry = tmp_path / "a.tlog-proof", tmp_path / "entry.json"
    lines = log(MIDDLE).receipt(7).split("\n")
    entry.write_bytes(log(MIDDLE).entries[7])
    receipt.write_text("\n".join(lines))
    assert verifier.run("receipt", receipt, KEY.vkey, entry).status == 0
    receipt.write_text("\n".join(change(lines)))
    refused(verifier.run("receipt", receipt, KEY.vkey, entry), expected)


# The verifier itself.


def test_the_sources_are_formatted_and_vetted() -> None:
    done = subprocess.run([program("gofmt"), "-l", str(SOURCES)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done
    go("vet", ".")


def test_what_no_log_can_show_is_tested_in_go() -> None:
    go("test", "-count=1", ".")


def test_without_go_the_mend_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(AssertionError, match="apt-get install golang-go"):
            build(tmp_path)
    monkeypatch.setenv("FORETHOUGHT_GOPATH", str(tmp_path))
    with pytest.raises(AssertionError, match="golang-golang-x-mod-dev"):
        library()
