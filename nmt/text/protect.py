"""What a translation must hold unchanged: addresses, placeholders, code, emoji, unknown characters.

Sentences go to the model with a mask, `{1}`, `{2}` …, in the place of each such span, which is put
back afterwards. Only this module knows linkify-it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import regex
from linkify_it import LinkifyIt

_SPANS = regex.compile(
    r"""
      `+ [^`]+ `+                                         # code
    | \{\{ [^{}\n]{1,80} \}\} | \$?\{ [^{}\n]{0,80} \}    # {name} {{ name }} ${name} {0}
    | </? [A-Za-z] [^<>\n]{0,200} >                       # <x1/>
    | &(?: [A-Za-z]+ | \#\d+ | \#x[\da-fA-F]+ );          # &amp;
    # %s %(name)s %1$d, but not "50%discount"
    | (?<!\d) %(?: \(\w+\) | \d+\$ )? [-+0\#]* \d* (?: \.\d+ )? [diouxXeEfFgGcsr@] (?![^\W\d_])
    | (?<!\w) [@\#] [\w.-]*\w                             # @name #topic
    | \b \w*[^\W_]_\w+                                    # snake_case
    | (?<![\w/]) /? (?: [\w.-]+ / ){2,} [\w.-]*           # /a/path
    """,
    regex.VERBOSE,
)
_EMOJI = regex.compile(r"[\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]")
_MAY_HAVE_LINKS = regex.compile(r"\w\.\w|://|@")
_GRAPHEME = regex.compile(r"\X")
# Where no spaces are written, a character.
_WORD = regex.compile(
    r"(?=[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])\X"
    r"|[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]+"
)
# With its currency, per cent or degree sign, which by itself makes a model write a number; 18h10.
_NUMBER = regex.compile(r"(?:\p{Sc}\s?)?\d+(?:[.,:/h]\d+)*(?:\s?(?:[\p{Sc}%‰]|°[CF]?))?")
# Letters; what is shorter may be an acronym.
SHORTEST_IN_CAPITALS = 5
_MASK = regex.compile(r"\{\s*(\d{1,3})\s*\}")


@dataclass(frozen=True)
class Protected:
    """A sentence without what must not be changed: that is a mask, or was put aside at its ends.

    One in capitals is in small letters here, as models know them, and its translation is in
    capitals again.
    """

    before: str
    text: str
    after: str
    spans: tuple[str, ...]
    in_capitals: bool = False

    def restore(self, translation: str) -> str | None:
        """The translation of `text` with all that was taken away; None if a mask is not right."""
        found = sorted(int(number) for number in _MASK.findall(translation))
        if found != list(range(1, len(self.spans) + 1)):
            return None
        around = _MASK.sub("", self.text)
        if any(c in "{}" and c not in around for c in _MASK.sub("", translation)):
            return None  # half a mask
        filled = _MASK.sub(lambda match: self.spans[int(match[1]) - 1], self._cased(translation))
        return self.before + filled + self.after

    def between(self) -> list[str]:
        """The stretches of `text` between its masks, one more than there are spans."""
        return _MASK.split(self.text)[::2]

    def join(self, stretches: Sequence[str]) -> str:
        """The sentence again from its stretches, or from translations of them."""
        parts = [self._cased(stretches[0])]
        for span, stretch in zip(self.spans, stretches[1:], strict=True):
            parts += [span, self._cased(stretch)]
        return self.before + "".join(parts) + self.after

    def _cased(self, text: str) -> str:
        return text.upper() if self.in_capitals else text


def without_masks(text: str) -> str:
    """A translation without the masks that a model has put in by itself."""
    return " ".join(_MASK.sub(" ", text).split()) if _MASK.search(text) else text


def mask(number: int) -> str:
    """What stands for the span with a number, from 1."""
    return f"{{{number}}}"


def protect(
    sentence: str,
    is_known: Callable[[str], bool] | None = None,
    numbers: bool = False,
    instead: Mapping[tuple[int, int], str] | None = None,
) -> Protected:
    """Take out of a sentence what must not be changed; numbers as well if asked for.

    `is_known` says whether the vocabulary has all characters of a word; others are kept. `instead`
    has spans that are not kept, but become something else.
    """
    replaced = instead or {}
    found = [*fixed_spans(sentence), *replaced]
    if numbers:
        found += [match.span() for match in _NUMBER.finditer(sentence)]
    if is_known is not None and not is_known(sentence):
        words = _WORD.finditer(sentence)
        found += [match.span() for match in words if not is_known(match[0])]
    spans = _merged(found)
    start, end = 0, len(sentence)
    while spans and spans[0] not in replaced and not sentence[start : spans[0][0]].strip():
        start = spans.pop(0)[1]
        start += len(sentence[start:]) - len(sentence[start:].lstrip())
    while spans and spans[-1] not in replaced and not sentence[spans[-1][1] : end].strip():
        end = len(sentence[: spans.pop()[0]].rstrip())
    bounds = [start, *(place for span in spans for place in span), max(start, end)]
    pieces = [replaced.get((a, b), sentence[a:b]) for a, b in pairwise(bounds)]
    masked = [mask(i // 2 + 1) if i % 2 else piece for i, piece in enumerate(pieces)]
    text = "".join(masked)
    in_capitals = _is_in_capitals(text)
    return Protected(
        sentence[:start],
        text[:1] + text[1:].lower() if in_capitals else text,
        sentence[max(start, end) :],
        tuple(pieces[1::2]),
        in_capitals,
    )


def _is_in_capitals(text: str) -> bool:
    """Whether a text is in capitals, and more than an acronym; only if nothing would be lost."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) < SHORTEST_IN_CAPITALS or not all(map(str.isupper, letters)):
        return False
    return text.lower().upper() == text


def fixed_spans(sentence: str) -> list[tuple[int, int]]:
    """Where a sentence holds addresses, placeholders, code, names of things and emoji."""
    found = [match.span() for match in _SPANS.finditer(sentence)]
    if _EMOJI.search(sentence):
        found += [m.span() for m in _GRAPHEME.finditer(sentence) if _EMOJI.search(m[0])]
    if _MAY_HAVE_LINKS.search(sentence):
        found += [(link.index, link.last_index) for link in _linkify().match(sentence) or []]
    return found


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order; those that overlap or touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=1)
def _linkify() -> LinkifyIt:
    return LinkifyIt()
