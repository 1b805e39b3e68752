"""Pure rules of promotion: codes of links, what a text may promise, where the house fills it in."""

import re
import secrets
from collections.abc import Mapping

LABEL_LETTERS = 40
NAME_LETTERS = 40
TEXT_LETTERS = 500
POSTER_LETTERS = 60
WORDS_LETTERS = 200  # beside a picture
OPEN_LINKS = 200  # of one agent at once
CODE_LETTERS = 9
# No 0/O, 1/I/L: a code is read aloud and typed by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE = re.compile(f"[{_ALPHABET}]{{{CODE_LETTERS}}}")

# What the house fills in. A discount or a price is never typed: it is the one that is charged.
PLACES = ("product", "price", "was", "off", "shop", "link", "code")
_PLACE = re.compile(r"\{([a-z_]*)\}")
_BRACES = re.compile(r"[{}]")
# A price or a discount that somebody types is true today at the most.
_FIGURES = re.compile(
    r"[¥￥$€£]\s*\d|\d+(?:\.\d+)?\s*(?:%|％|折|元|块|yuan|rmb|cny|off\b)|[一二三四五六七八九]折",
    re.IGNORECASE,
)
# Income is promised to nobody, and nobody is won for winning others (money.md part 7, point 8).
_PROMISES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:稳|包|躺|轻松|坐等|闭眼)\s*(?:赚|挣|收)",
        r"[日月年]\s*入\s*(?:过|[\d一二三四五六七八九十百千万])",
        r"保\s*(?:本|收益|赚)|保证\s*(?:收益|收入|盈利|赚)",
        r"(?:零|0|无|没有)\s*风险",
        r"拉\s*人\s*头|发展\s*下线|人头费|入门费|裂变\s*(?:返|奖)|静态\s*(?:收益|分红)|[日天]\s*返",
        r"躺平\s*收入|睡后\s*收入|一本万利|暴利|翻\s*倍\s*(?:赚|收益)",
        r"guarantee[sd]?\s+(?:\w+\s+)?(?:income|earnings?|profits?|returns?)",
        r"(?:income|earnings?|profits?|returns?)\s+(?:is|are)?\s*guaranteed",
        r"risk[\s-]*free|no\s+risk|zero\s+risk|get\s+rich|passive\s+income|easy\s+money",
        r"earn\s+(?:up\s+to\s+)?[$¥€£]?\s*\d",
        r"recruit\s+(?:\w+\s+)?(?:people|friends|members|agents|others)|build\s+your\s+downline",
    )
)


def new_code() -> str:
    """A fresh code of a link; it is public, and grants nothing but an attribution."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))


def tidy_code(text: str) -> str | None:
    """A code as it is kept, or None for what can be none."""
    code = text.strip().upper()
    return code if _CODE.fullmatch(code) else None


def fault_of(text: str, most: int) -> str | None:
    """Why a text may not be shared: the reason's code, or None."""
    if not 0 < len(text.strip()) <= most:
        return "promo_text_length"
    if _BRACES.search(_PLACE.sub("", text)) or set(_PLACE.findall(text)) - set(PLACES):
        return "promo_text_place"
    plain = _PLACE.sub(" ", text)
    if _FIGURES.search(plain):
        return "promo_text_figure"
    if any(pattern.search(plain) for pattern in _PROMISES):
        return "promo_text_promise"
    return None


def filled(text: str, values: Mapping[str, str]) -> str | None:
    """The text with its places filled in; None when the house has nothing for one of them, as of
    `{was}` where nothing is struck through."""
    places = _PLACE.findall(text)
    if not all(values.get(place) for place in places):
        return None
    return _PLACE.sub(lambda found: values[found[1]], text)


def percent_off(price: int, was: int | None) -> int:
    """How much less than before it costs, in whole percent, rounded down: never more than true."""
    return (was - price) * 100 // was if was and was > price else 0
