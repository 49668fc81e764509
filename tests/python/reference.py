"""The same model by other people's code: its tokenizer by `tokenizers`, its answers by llama.cpp."""

from __future__ import annotations

import struct
from pathlib import Path

import xllamacpp
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
SPECIAL = 3
#: GGUF's types of values that are one number, as `struct` names them; 8 is a text and 9 a list.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def render(question: str) -> str:
    """The model's chat template, written out for one question."""
    return f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def metadata(path: Path) -> dict:
    """The key-value pairs in front of a GGUF file's tensors."""
    with path.open("rb") as file:

        def number(code: str):
            return struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))[0]

        def value(kind: int):
            if kind == 8:
                return file.read(number("Q")).decode()
            if kind == 9:
                item, count = number("I"), number("Q")
                return [value(item) for _ in range(count)]
            return number(NUMBERS[kind])

        assert (file.read(4), number("I")) == (b"GGUF", 3)
        _tensors, pairs = number("Q"), number("Q")
        return {value(8): value(number("I")) for _ in range(pairs)}


def tokenizer(path: Path) -> Tokenizer:
    """The tokenizer that the file's vocabulary and merges make: byte-level BPE with each digit on its own."""
    found = metadata(path)
    assert (found["tokenizer.ggml.model"], found["tokenizer.ggml.pre"]) == ("gpt2", "smollm")
    tokens, kinds = found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in found["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges))
    digits, bytes_ = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    made.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == SPECIAL]
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return made


def llama_cpp(path: Path) -> xllamacpp.Server:
    """llama.cpp on the same file, on one thread: two of them wait for each other when cores are busy."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 1024, 1, 1
    params.warmup, params.verbosity = False, 0
    return xllamacpp.Server(params)


def greedy(server: xllamacpp.Server, question: str, tokens: int) -> dict:
    """llama.cpp's likeliest answer, with the ten likeliest tokens at each step."""
    asked = {"prompt": render(question), "temperature": 0, "n_predict": tokens, "cache_prompt": False, "logprobs": 10}
    return server.handle_completions(asked)


def parting(answer: dict, text: str) -> tuple[int, float]:
    """Where `text` parts from llama.cpp's answer, in tokens, and how much less likely llama.cpp finds it there.

    The second is a difference of natural logarithms; it is 0 for a text that never parts. One text may be made of
    several rows of tokens, so the smallest difference on the way counts.
    """
    rest, gap = text.encode(), float("inf")
    steps = answer["choices"][0]["logprobs"]["content"]
    for at, step in enumerate(steps):
        taken = bytes(step["bytes"])
        others = [other for other in step["top_logprobs"] if other["id"] != step["id"]]
        fitting = [other["logprob"] for other in others if other["bytes"] and rest.startswith(bytes(other["bytes"]))]
        gap = min([gap, *(step["logprob"] - logprob for logprob in fitting)])
        if not rest.startswith(taken):
            return at, gap
        rest = rest[len(taken) :]
    return len(steps), 0.0 if not rest else float("inf")
