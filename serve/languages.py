"""Language codes as clients write them, and the names that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import iso639

from nmt import TargetMix
from nmt.errors import InvalidMix, UnknownLanguage

# Codes of LibreTranslate's own making, which its older clients send.
_LIBRETRANSLATE = {"pb": "pt-br", "zt": "zh-hant"}


def known_code(code: str, known: Sequence[str]) -> str:
    """The model's own code for a language, named in any case and as narrowly as clients like.

    Where the model lacks `pt-BR` that is its `pt` (the lookup of RFC 4647). Raises UnknownLanguage.
    """
    own = {candidate.lower(): candidate for candidate in known}
    wanted = code.strip().lower()
    wanted = _LIBRETRANSLATE.get(wanted, wanted)
    while wanted:
        if wanted in own:
            return own[wanted]
        wanted = wanted.rpartition("-")[0]
    raise UnknownLanguage(code, known)


def known_weights(weights: Mapping[str, object], known: Sequence[str]) -> dict[str, object]:
    """The same weights under the model's own codes, those of weight zero included.

    Raises UnknownLanguage, or InvalidMix where two spellings name one language.
    """
    renamed = {known_code(code, known): weight for code, weight in weights.items()}
    if len(renamed) < len(weights):
        raise InvalidMix(f"a language is given twice among {', '.join(weights)}")
    return renamed


def known_target(target: str | Mapping[str, object], known: Sequence[str]) -> TargetMix:
    """The mix that a client asked for; UnknownLanguage or InvalidMix if there is no such mix."""
    if isinstance(target, str):
        target = dict(TargetMix.of(target).weights)
    return TargetMix.of(known_weights(target, known))  # type: ignore[arg-type]


def language_name(code: str) -> str:
    """The English name of a language, such as Greek for `el`; the code itself if it has none."""
    try:
        name = iso639.Language.match(code.partition("-")[0]).name
    except iso639.LanguageNotFoundError:
        return code
    return name.partition(" (")[0].removeprefix("Modern ")
