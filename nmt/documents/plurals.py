"""How many plural forms languages have in gettext, and which they are."""

from __future__ import annotations

from typing import NamedTuple


class Plural(NamedTuple):
    """A language's forms; `singular` is the number of the one for a single thing."""

    forms: int
    rule: str
    singular: int = 0

    @property
    def header(self) -> str:
        """The value of the header Plural-Forms."""
        return f"nplurals={self.forms}; plural={self.rule};"


USUAL = Plural(2, "(n != 1)")
_NONE = Plural(1, "0")
_ZERO_TOO = Plural(2, "(n > 1)")
_RUSSIAN = Plural(
    3,
    "(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2)",
)
_CZECH = Plural(3, "(n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2")


def _all(languages: str, plural: Plural) -> dict[str, Plural]:
    return dict.fromkeys(languages.split(), plural)


_TABLE = {
    **_all("id ja jv ka ko lo ms my su th vi wo yo zh", _NONE),
    **_all("ak am fa fil fr hy ln mg mi oc pt-br ti tg tl uz wa", _ZERO_TOO),
    **_all("be bs hr ru sh sr uk", _RUSSIAN),
    **_all("cs sk", _CZECH),
    **_all(
        """
    af ast az bg bn ca da de el en eo es et eu fi fo fy gl gu ha he hi hu ia it kn ku lb
    ml mn mr nb ne nl nn no nso or pa ps pt rm so sq sv sw ta te tk tr ur xh zu
    """,
        USUAL,
    ),
    "ar": Plural(
        6,
        "(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5)",
        singular=1,
    ),
    "cy": Plural(4, "(n==1) ? 0 : (n==2) ? 1 : (n != 8 && n != 11) ? 2 : 3"),
    "ga": Plural(5, "(n==1 ? 0 : n==2 ? 1 : n<7 ? 2 : n<11 ? 3 : 4)"),
    "gd": Plural(4, "(n==1 || n==11) ? 0 : (n==2 || n==12) ? 1 : (n>2 && n<20) ? 2 : 3"),
    "is": Plural(2, "(n%10!=1 || n%100==11)"),
    "lt": Plural(3, "(n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2)"),
    "lv": Plural(3, "(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2)"),
    "mk": Plural(2, "(n%10==1 && n%100!=11 ? 0 : 1)"),
    "mt": Plural(
        4, "(n==1 ? 0 : n==0 || (n%100>1 && n%100<11) ? 1 : n%100>10 && n%100<20 ? 2 : 3)"
    ),
    "pl": Plural(3, "(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2)"),
    "ro": Plural(3, "(n==1 ? 0 : (n==0 || (n%100 > 0 && n%100 < 20)) ? 1 : 2)"),
    "sl": Plural(4, "(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3)"),
}


def plural_of(language: str) -> Plural | None:
    """The forms of a language, by a code such as pt_BR; None if they are not known."""
    code = language.replace("_", "-").lower()
    return _TABLE.get(code) or _TABLE.get(code.partition("-")[0])
