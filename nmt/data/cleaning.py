"""Cleaning rules: each has a name and says whether a pair goes."""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

import langcodes
import regex

from nmt.config import CleaningConfig
from nmt.data.corpus import Pair
from nmt.errors import ConfigError

# Scripts of ISO 15924 that stand for several Unicode scripts.
_COMPOUND_SCRIPTS = {
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani",),
    "Hant": ("Hani",),
}
# Characters of these scripts carry about this many Latin letters.
_LETTERS_PER_CHARACTER = {"Jpan": 2.0, "Kore": 1.8, "Hans": 3.0, "Hant": 3.0}
# Short sentences differ in length by more than their ratio tells ("Go!" / "Vas-y !").
_RATIO_SLACK = 12
_MANY_WORDS = regex.compile(r"[\W_]+")


@dataclass(frozen=True)
class Cleaner:
    """The rules of one source, ready to judge pairs."""

    config: CleaningConfig
    languages: tuple[str, str]
    held_out: Collection[int]

    def dropped_by(self, pair: Pair) -> str | None:
        """The name of the first rule that drops this pair, or None if it stays."""
        for name in self.config.rules:
            if name != "duplicate" and RULES[name](self, pair):
                return name
        return None


def tidy(pair: Pair) -> Pair:
    """The pair in Unicode NFC with white space folded."""
    return Pair(*(" ".join(unicodedata.normalize("NFC", side).split()) for side in pair))


@functools.lru_cache(maxsize=4)  # several rules ask for the keys of the same pair
def match_key(text: str) -> str:
    """What two sentences share that differ in case, punctuation or spacing only."""
    return _MANY_WORDS.sub("", unicodedata.normalize("NFKC", text).casefold()) or text.strip()


def key_hash(*texts: str) -> int:
    """A 64-bit hash of the match keys of some texts."""
    keys = "\t".join(match_key(text) for text in texts)
    return int.from_bytes(hashlib.blake2b(keys.encode(), digest_size=8).digest(), "little")


def _empty(_: Cleaner, pair: Pair) -> bool:
    return not all(any(c.isalnum() for c in side) for side in pair)


def _too_long(cleaner: Cleaner, pair: Pair) -> bool:
    config = cleaner.config
    return any(
        len(side) > config.max_characters or len(side.split()) > config.max_words for side in pair
    )


def _length_ratio(cleaner: Cleaner, pair: Pair) -> bool:
    lengths = [
        len(side) * _LETTERS_PER_CHARACTER.get(script_of(code), 1.0) + _RATIO_SLACK
        for side, code in zip(pair, cleaner.languages, strict=True)
    ]
    return max(lengths) > min(lengths) * cleaner.config.max_length_ratio


def _wrong_script(cleaner: Cleaner, pair: Pair) -> bool:
    return any(
        script_share(side, code) < cleaner.config.min_script_share
        for side, code in zip(pair, cleaner.languages, strict=True)
    )


def _identical(_: Cleaner, pair: Pair) -> bool:
    return match_key(pair.first) == match_key(pair.second)


def _held_out(cleaner: Cleaner, pair: Pair) -> bool:
    return bool(cleaner.held_out) and any(key_hash(side) in cleaner.held_out for side in pair)


Rule = Callable[[Cleaner, Pair], bool]
RULES: dict[str, Rule] = {
    "empty": _empty,
    "too_long": _too_long,
    "length_ratio": _length_ratio,
    "wrong_script": _wrong_script,
    "identical": _identical,
    "held_out": _held_out,
    # Needs all pairs at once: the preparation runs it over the whole corpus.
    "duplicate": lambda _cleaner, _pair: False,
}


def check_rules(config: CleaningConfig) -> None:
    """ConfigError if a rule is named that does not exist."""
    for name in config.rules:
        if name not in RULES:
            raise ConfigError(
                f"data.cleaning.rules: unknown rule {name!r}; allowed: {', '.join(RULES)}"
            )


@functools.cache
def script_of(code: str) -> str:
    """The ISO 15924 script that a language is written in, such as `Cyrl` or `Jpan`."""
    return str(langcodes.Language.get(code).maximize().script or "Latn")


@functools.cache
def _script_pattern(code: str) -> regex.Pattern[str]:
    script = script_of(code)
    scripts = _COMPOUND_SCRIPTS.get(script, (script,))
    return regex.compile("".join(["[", *(rf"\p{{Script={s}}}" for s in scripts), "]+"]))


_LETTERS = regex.compile(r"\p{L}+")


def script_share(text: str, code: str) -> float:
    """Share of a text's letters that are in the script of a language; 1 if it has no letters."""
    letters = "".join(_LETTERS.findall(text))
    if not letters:
        return 1.0
    return sum(map(len, _script_pattern(code).findall(letters))) / len(letters)
