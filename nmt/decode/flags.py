"""What is wrong with a translation, as far as it can be told without knowing the right one."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

import regex

from nmt.text.langid import LanguageIdentifier

Flag = Literal["truncated", "repetition", "copied", "off_target"]
FLAGS: tuple[Flag, ...] = ("truncated", "repetition", "copied", "off_target")

# A translation is off target if the languages asked for together are less likely than this: of
# right translations not 1 % are, of wrong ones most (scripts/measure_honesty.py has the figures).
OFF_TARGET_BELOW = 0.3
# Fewer letters than these are no evidence of a language.
JUDGED_LETTERS = 4
# Scripts that write no spaces: a character is a unit there.
_UNIT = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}'’]+"
)
_DIGITS = regex.compile(r"\d+")
_LETTER = regex.compile(r"\p{L}")


def find_flags(
    source: str,
    translation: str,
    targets: Collection[str],
    identifier: LanguageIdentifier,
    is_complete: bool = True,
) -> tuple[Flag, ...]:
    """What is wrong with a translation, in the order of FLAGS.

    `targets` are the languages that it may be in. Words with capitals that came back as they were
    are taken for names.
    """
    is_name = units(source) == units(translation) and source.strip().istitle()
    found = {
        "truncated": not is_complete,
        "repetition": is_repetitive(source, translation),
        "copied": not is_name and is_copied(source, translation, targets, identifier),
        "off_target": not is_name and is_off_target(translation, targets, identifier),
    }
    return tuple(flag for flag in FLAGS if found[flag])


def is_repetitive(source: str, translation: str) -> bool:
    """Whether a word or phrase comes again and again, more often than in the source."""
    ours, theirs = loops(units(translation)), loops(units(source))
    most = max(theirs.values(), default=1)
    return any(
        times > most and (times > 2 or length * times == len(units(translation)) or length > 2)
        for length, times in ours.items()
    )


def is_copied(
    source: str, translation: str, targets: Collection[str], identifier: LanguageIdentifier
) -> bool:
    """Whether the source came back as it was, though it is not in a language asked for."""
    if units(source) != units(translation) or len(_LETTER.findall(source)) < JUDGED_LETTERS:
        return False
    detected = identifier.detect(source)
    return detected is not None and detected.language not in targets


def is_off_target(
    translation: str, targets: Collection[str], identifier: LanguageIdentifier
) -> bool:
    """Whether a translation is in another language than those asked for."""
    if len(_LETTER.findall(translation)) < JUDGED_LETTERS:
        return False
    return likelihood(translation, targets, identifier) < OFF_TARGET_BELOW


def likelihood(text: str, languages: Collection[str], identifier: LanguageIdentifier) -> float:
    """How likely it is that a text is in one of some languages, from 0 to 1."""
    found = identifier.ranked(text)
    return sum(one.confidence for one in found if one.language in languages)


def units(text: str) -> list[str]:
    """Words without case and punctuation; characters where words are not set apart."""
    return [found.casefold() for found in _UNIT.findall(text)]


def loops(found: Sequence[str]) -> dict[int, int]:
    """How often a phrase directly follows itself at most, by its length in units."""
    most: dict[int, int] = {}
    for length in range(1, len(found) // 2 + 1):
        run = 0
        for place in range(length, len(found)):
            run = run + 1 if found[place] == found[place - length] else 0
            if times := run // length:
                most[length] = max(most.get(length, 1), times + 1)
    return most


def missing_numbers(source: str, translation: str) -> list[str]:
    """Numbers of the source that the translation does not hold as often, in whatever script."""
    lost = _numbers(source) - _numbers(translation)
    return sorted(lost.elements())


def _numbers(text: str) -> Counter[str]:
    # Digits only: a decimal point may become a comma.
    return Counter(_DIGITS.findall(unicodedata.normalize("NFKC", text)))
