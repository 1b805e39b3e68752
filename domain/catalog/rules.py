"""Pure rules of the catalogue: what a search finds, what may be saved, what stock looks like."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.kernel import Invalid, Refused

LOW_STOCK_CARDS = 10
MAX_QUERY_LETTERS = 64
MAX_TERM_LETTERS = 12  # a longer word is found by its first twelve letters
MAX_TAGS = 20
MAX_TAG_LETTERS = 32
MAX_QUANTITY = 10_000

# What hangs on such a variant (the terms of gift cards, the parts of a bundle) has no place on one
# of another kind, nor have the cards of another kind on it.
KINDS_FOR_LIFE = frozenset({"GIFT_CARD", "BUNDLE"})

_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_CHINESE = re.compile(rf"[{_HAN}]")
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_REGION = re.compile(r"[A-Z0-9-]{0,16}")
_URL = re.compile(r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?")


class StockLevel(StrEnum):
    """How well a variant can be delivered; never a number, so that one sale changes no page."""

    IN_STOCK = "IN_STOCK"
    LOW = "LOW"
    OUT = "OUT"


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """The editable part of a product."""

    slug: str
    name_zh: str
    name_en: str
    category_id: UUID
    brand: str = ""
    region: str = ""
    description_zh: str = ""
    description_en: str = ""
    tags: tuple[str, ...] = ()
    position: int = 0


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """The editable part of a variant. Face value in units of 1/10000 of `face_currency`."""

    sku: str
    product_id: UUID
    name_zh: str
    name_en: str
    delivery_kind: str | None = None  # the plain type of this kind, when `type_code` names none
    type_code: str = ""
    face_units: int | None = None
    face_currency: str | None = None
    min_quantity: int = 1
    max_quantity: int = 100
    position: int = 0
    status: str = "active"


@dataclass(frozen=True, slots=True)
class CategoryDraft:
    """One shelf as a file names it: the parent by its slug."""

    slug: str
    name_zh: str
    name_en: str
    parent_slug: str = ""
    position: int = 0


def stock_level(own_cards: int, has_offer: bool) -> StockLevel:
    """In stock when a supplier offers it or more than ten own cards lie ready (mission row B3)."""
    if has_offer or own_cards > LOW_STOCK_CARDS:
        return StockLevel.IN_STOCK
    return StockLevel.LOW if own_cards > 0 else StockLevel.OUT


def bundle_level(parts: Iterable[StockLevel]) -> StockLevel:
    """A bundle is there as well as the worst of the parts that it is not sold without."""
    order = (StockLevel.OUT, StockLevel.LOW, StockLevel.IN_STOCK)
    return min(parts, key=order.index, default=StockLevel.OUT)


def search_terms(texts: Iterable[str]) -> list[str]:
    """All terms under which texts are found, sorted.

    Chinese by each character and each pair; everything also by the first letters of its words and
    of its pinyin, spelt out and as initials, from each word or character on: 话费 is found as
    话, 话费, 费, h, hu, hua, huaf ... huafei, hf, fei, f.
    """
    terms: set[str] = set()
    for text in texts:
        tokens = _tokens(text)
        for token in tokens:
            if _is_chinese(token):
                terms.update(token)
                terms.update(_pairs(token))
        terms |= _beginnings(_sounds(tokens))
    return sorted(terms)


def query_terms(query: str) -> list[str]:
    """The terms that a product must carry, all of them, to be found; sorted.

    Refuses a query above 64 letters. Empty for a query without any letter, which finds nothing.
    """
    if len(query) > MAX_QUERY_LETTERS:
        raise Refused(Invalid(reason="query_too_long", field=("query",)))
    terms: set[str] = set()
    for token in _tokens(query):
        if not _is_chinese(token):
            terms.add(token[:MAX_TERM_LETTERS])
        elif len(token) == 1:
            terms.add(token)
        else:
            terms.update(_pairs(token))
    return sorted(terms)


def product_faults(draft: ProductDraft) -> list[Invalid]:
    """What is wrong with a product, one refusal a field; empty when nothing is."""
    long_tags = len(draft.tags) > MAX_TAGS or any(len(t) > MAX_TAG_LETTERS for t in draft.tags)
    checks = (
        ("slug", "slug", is_slug(draft.slug, 96)),
        ("nameZh", "name", _is_name(draft.name_zh, 128)),
        ("nameEn", "name", _is_name(draft.name_en, 128)),
        ("brand", "brand_name", _is_brand(draft.brand)),
        ("region", "text_too_long", len(draft.region) <= 16),
        ("descriptionZh", "text_too_long", len(draft.description_zh) <= 20_000),
        ("descriptionEn", "text_too_long", len(draft.description_en) <= 20_000),
        ("tags", "tags", not long_tags),
        ("position", "position", _is_position(draft.position)),
    )
    return _faults(checks)


def variant_faults(draft: VariantDraft) -> list[Invalid]:
    """What is wrong with a variant, one refusal a field; empty when nothing is."""
    has_face = draft.face_units is not None
    face_whole = has_face == (draft.face_currency is not None)
    face_right = not has_face or (draft.face_units or 0) > 0
    currency_right = draft.face_currency is None or _CURRENCY.fullmatch(draft.face_currency)
    checks = (
        ("sku", "sku", _SKU.fullmatch(draft.sku) is not None),
        ("nameZh", "name", _is_name(draft.name_zh, 96)),
        ("nameEn", "name", _is_name(draft.name_en, 96)),
        ("faceValue", "face_value", face_whole and face_right and bool(currency_right)),
        ("minQuantity", "quantity_range", 1 <= draft.min_quantity <= draft.max_quantity),
        ("maxQuantity", "quantity_range", draft.max_quantity <= MAX_QUANTITY),
        ("position", "position", _is_position(draft.position)),
    )
    return _faults(checks)


def kind_stays(before: str, after: str) -> bool:
    """Whether a variant of the first kind may not become one of the second."""
    return before != after and bool({before, after} & KINDS_FOR_LIFE)


def category_faults(draft: CategoryDraft) -> list[Invalid]:
    """What is wrong with a category by itself; its parent is judged by `cyclic`."""
    checks = (
        ("slug", "slug", is_slug(draft.slug, 64)),
        ("nameZh", "name", _is_name(draft.name_zh, 64)),
        ("nameEn", "name", _is_name(draft.name_en, 64)),
        ("position", "position", _is_position(draft.position)),
    )
    return _faults(checks)


def cyclic(parents: dict[str, str]) -> set[str]:
    """The slugs whose way up, child to parent in `parents`, never ends: in a circle or below."""
    bad: set[str] = set()
    for slug in parents:
        seen = {slug}
        above = parents.get(slug, "")
        while above and above not in seen:
            seen.add(above)
            above = parents.get(above, "")
        if above:
            bad.add(slug)
    return bad


def is_slug(text: str, longest: int) -> bool:
    """Whether it is a short name: small letters, digits, single hyphens."""
    return len(text) <= longest and _SLUG.fullmatch(text) is not None


def is_region(text: str) -> bool:
    """Whether it is empty or a code such as CN, ASIA, GLOBAL."""
    return _REGION.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether it is an https address with a host and without a user, of at most 500 letters."""
    return len(text) <= 500 and text.isascii() and _URL.fullmatch(text) is not None


def _is_brand(name: str) -> bool:
    return len(name) <= 64 and name == name.strip() and (not name or name.isprintable())


def _faults(checks: Iterable[tuple[str, str, bool]]) -> list[Invalid]:
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


def _is_name(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text == text.strip() and text.isprintable()


def _is_position(position: int) -> bool:
    return 0 <= position <= 2_000_000_000


def _tokens(text: str) -> list[str]:
    """Words and runs of Chinese, in one form: full-width, case and accents make no difference."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _TOKEN.findall(unicodedata.normalize("NFC", bare))


def _is_chinese(token: str) -> bool:
    return _CHINESE.match(token) is not None


def _pairs(token: str) -> list[str]:
    return [token[i : i + 2] for i in range(len(token) - 1)]


def _sounds(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Each word, and each character's pinyin, spelt out and shortened to its initial."""
    from pypinyin import lazy_pinyin  # 20 MB of dictionaries that only a saving process needs

    sounds: list[tuple[str, str]] = []
    for token in tokens:
        if _is_chinese(token):
            sounds.extend((spelt, spelt[:1]) for spelt in lazy_pinyin(token))
        else:
            sounds.append((token, token))
    return sounds


def _beginnings(sounds: Sequence[tuple[str, str]]) -> set[str]:
    """The first 1 to 12 letters of what is spoken from each word on, spelt out and as initials."""
    terms: set[str] = set()
    for start in range(len(sounds)):
        following = sounds[start : start + MAX_TERM_LETTERS]
        for form in (0, 1):
            spoken = "".join(sound[form] for sound in following)[:MAX_TERM_LETTERS]
            terms.update(spoken[: end + 1] for end in range(len(spoken)))
    return terms
