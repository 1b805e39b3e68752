"""What the shop says to people, in English and Chinese, keyed by the stable codes.

Texts are sentences that say what to do. A text may name the fields of its refusal, as in
"only {available} left"; a house test refuses a text that is missing or names anything else.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

import structlog

from domain.kernel import Money, Refusal, Spoken, plain

LANGUAGES = ("en", "zh")
DEFAULT = "en"
MAX_MORE = 3
MAX_HEADER = 200  # characters of Accept-Language that are read; browsers send far fewer
SIGNS = {"CNY": "¥"}
# Fields that hold the key of a text instead of words, and the table they are looked up in.
KEYED = {"reason": "reasons", "what": "things", "limit": "limits", "level": "levels"}

_LANGUAGE = re.compile(r"[a-z]{2}")

log = structlog.get_logger(__name__)


@cache
def texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """The tables of one language: refusals, reasons, things, requests."""
    path = Path(__file__).with_name(f"{language}.toml")
    tables: dict[str, dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8"))
    return tables


@lru_cache(maxsize=512)
def negotiate(accept_language: str | None, default: str = DEFAULT) -> str:
    """The language to answer in, from an Accept-Language header with its q-values.

    `default` is a site's own language; one that the shop does not speak counts as English.
    """
    best, best_quality = default if default in LANGUAGES else DEFAULT, 0.0
    for part in (accept_language or "")[:MAX_HEADER].split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameters)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


@lru_cache(maxsize=512)
def chain(accept_language: str | None, default: str = DEFAULT) -> str:
    """The languages in which goods may be named, best first, ending with one that all goods speak.

    `ja, zh;q=0.5` gives `ja.zh`. `default` is the site's language, asked before English; at most
    three languages come before the last one, which is the answer of `negotiate`.
    """
    asked: list[tuple[float, str]] = []
    for part in (accept_language or "")[:MAX_HEADER].split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if _LANGUAGE.fullmatch(language):
            asked.append((_quality(parameters), language))
    asked.sort(key=lambda each: -each[0])
    wanted = [language for quality, language in asked if quality > 0]
    if not set(wanted) & set(LANGUAGES):
        wanted.append(default)
    last = negotiate(accept_language, default)
    own = next((i for i, each in enumerate(wanted) if each in LANGUAGES), len(wanted))
    more = [each for each in dict.fromkeys(wanted[:own]) if _LANGUAGE.fullmatch(each)]
    return ".".join([*more[:MAX_MORE], last])


def refusal_text(refusal: Refusal, language: str) -> str:
    """The sentence for one refusal, with its own fields filled in."""
    values = {each.name: getattr(refusal, each.name) for each in fields(refusal)}
    return _fill("refusals", refusal.code, language, values)


def request_text(code: str, language: str, values: Mapping[str, object]) -> str:
    """The sentence for a request that was refused as a whole."""
    return _fill("requests", code, language, values)


def reason_text(reason: str, language: str) -> str:
    """The sentence for the reason of one row of a file."""
    return _say("reason", reason, language)


def finding_text(kind: str, language: str) -> str:
    """What a difference between the books means, and the next step."""
    return texts(language)["findings"].get(kind, kind)


def difference_text(code: str, language: str) -> str:
    """What a difference to a partner's statement means, and the next step."""
    return texts(language)["differences"].get(code, code)


def problem_text(reason: str, language: str) -> str:
    """The sentence for a row of a job that needs a look: it was left out, or it would differ."""
    known = reason in texts(language)["differences"]
    return difference_text(reason, language) if known else reason_text(reason, language)


def advice_text(code: str, language: str) -> str:
    """What to ask counsel about a plan, and why."""
    return texts(language)["advice"][code]


def step_text(code: str, language: str, values: Mapping[str, object], note: str) -> str:
    """What happened to a purchase, in words, and what an operator noted."""
    words = texts(language)["words"]
    word = str(values["word"])
    said = {**values, "word": words.get(word, word.replace("_", " "))}
    text = _fill("steps", code, language, said)
    return f"{text} {words['noted'].replace('{note}', note)}" if note else text


def progress_text(key: str, language: str, values: Mapping[str, object]) -> str:
    """How far an agent is with one criterion of a tier."""
    return _fill("progress", key, language, values)


def _fill(table: str, code: str, language: str, values: Mapping[str, object]) -> str:
    said = {name: _say(name, value, language) for name, value in values.items()}
    try:
        return texts(language)[table][code].format_map(said)
    except (KeyError, IndexError, ValueError) as error:
        # A missing text must not turn a clear "no" into a fault: the code is still the truth.
        log.error("text_missing", table=table, code=code, language=language, problem=repr(error))
        return code


def _say(name: str, value: object, language: str) -> str:
    """One value in words."""
    if name in KEYED:
        key = str(value)
        return texts(language)[KEYED[name]].get(key, key.replace("_", " "))
    if isinstance(value, Money):
        sign = SIGNS.get(value.currency)
        return f"{sign}{plain(value.units)}" if sign else str(value)
    if isinstance(value, Spoken):
        return value.zh if language == "zh" else value.en
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(_say("", each, language) for each in value)
    return str(value)


def _quality(parameters: str) -> float:
    name, _, number = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(number)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
