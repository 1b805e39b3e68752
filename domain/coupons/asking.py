"""What a buyer names on an order or a quote, and what READ found of it, in the words of the rules.

Nothing here asks the database.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from domain import cards
from domain.coupons.models import CampaignKind, CampaignState, GuessKind
from domain.coupons.rules import MAX_GIVEN, Candidate, Item, Outcome, Step, Terms, Why, apply
from domain.coupons.service import public_word
from domain.kernel import Actor, ActorKind, Invalid, keyed_digest, refuse_unless

PRINT_PURPOSE = "coupon-code"
IPV6_BITS = 64  # what one household gets
MAX_TYPED = 64


@dataclass(frozen=True, slots=True)
class NamedCoupons:
    """The coupons that a buyer names: codes as they were typed, and ids of claimed ones."""

    codes: tuple[str, ...] = field(default=(), repr=False)
    ids: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.codes or self.ids)

    def check(self) -> None:
        """Refuses too many, and the same one twice."""
        typed = [_canonical(code) for code in self.codes]
        fits = len(self.codes) + len(self.ids) <= MAX_GIVEN
        refuse_unless(fits, Invalid(reason="coupons_many", field=("couponCodes",)))
        twice = len({*typed, *self.ids}) < len(typed) + len(self.ids)
        refuse_unless(not twice, Invalid(reason="coupon_twice", field=("couponCodes",)))

    def marks(self) -> list[str]:
        """What makes two purchases the same one; nothing of a code can be read from it."""
        prints = [print_of(_canonical(code)).hex() for code in self.codes]
        return [*prints, *(str(each) for each in self.ids)]

    def place_of(self, place: int) -> tuple[str, ...]:
        """Where the coupon of a place stands in the input."""
        at = place - 1
        if at < len(self.codes):
            return ("couponCodes", str(at))
        return ("couponIds", str(at - len(self.codes)))

    def given(self, actor: Actor, *, automatic: bool) -> dict[str, Any]:
        """The parameters of `COUPONS` that are its own."""
        read = [cards.read_code(code) for code in self.codes]
        words = [
            public_word(code[:MAX_TYPED]) if letters is None else None
            for code, letters in zip(self.codes, read, strict=True)
        ]
        none: list[Any] = [None] * len(self.ids)
        return {
            "coupon_prints": [None if each is None else print_of(each) for each in read] + none,
            "coupon_words": words + none,
            "coupon_ids": [None] * len(self.codes) + list(self.ids),
            "coupon_device": device_of(actor),
            "coupon_subjects": [digest for _, digest in subjects_of(actor)],
            "automatic": automatic,
        }


NO_COUPONS = NamedCoupons()


@dataclass(slots=True)
class Sight:
    """Whether this process has seen that campaigns apply by themselves: until it knows better, it
    reads them together with all else."""

    automatic: bool = False


sight = Sight()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a use keeps of its campaign."""

    campaign_id: UUID
    version: int
    coupon_id: UUID | None
    place: int | None
    name_zh: str
    name_en: str
    shares: tuple[int, int, int]
    given_back: bool
    counts_devices: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of the coupons of a basket; `unknown` are the places of those that are none, and
    `locked` that too many were."""

    outcome: Outcome
    unknown: tuple[int, ...] = ()
    locked: bool = False


NOTHING = Asked(Outcome())


def print_of(letters: str) -> bytes:
    """Under which a code is found. The key never changes: with 80 random bits behind each, not even
    a bare digest could be turned back (as of own gift cards)."""
    return keyed_digest(PRINT_PURPOSE, letters.encode())


def _canonical(typed: str) -> str:
    return cards.read_code(typed) or typed.strip().upper()[:MAX_TYPED]


def device_of(actor: Actor) -> bytes:
    """The guest of a device stands for the device; of anybody else it is the address."""
    guest = actor.kind is ActorKind.GUEST and actor.user_id is not None
    seen = str(actor.user_id) if guest else _network(actor.ip)
    return keyed_digest("coupon-device", seen.encode())


def subjects_of(actor: Actor) -> list[tuple[GuessKind, bytes]]:
    """Whose guesses are counted."""
    found = []
    if actor.user_id is not None:
        found.append((GuessKind.USER, actor.user_id.bytes))
    if actor.ip:
        found.append((GuessKind.ADDRESS, _network(actor.ip).encode()))
    return [(kind, keyed_digest(f"coupon-guess/{kind.value}", value)) for kind, value in found]


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_BITS), strict=False))


def ask(
    found: str,
    named: NamedCoupons,
    items: Sequence[Item],
    tier: str,
    currency: str,
    *,
    automatic: bool = True,
) -> Asked:
    """What becomes of a basket, by what `COUPONS` found, with or without what is automatic."""
    read = orjson.loads(found)
    rows: list[Mapping[str, Any]] = [
        row for row in read["found"] if automatic or row["place"] is not None
    ]
    places = {row["place"] for row in rows}
    unknown = [place for place in range(1, _count(named) + 1) if place not in places]
    # Twice named, by code and by id, or by its word and as a claimed one: once is enough.
    rows.sort(key=lambda row: (row["place"] is None, row["place"] or 0, row["id"]))
    kept: dict[UUID, Candidate] = {}
    doubled = []
    for row in rows:
        candidate = _candidate(row, tier, currency)
        known = kept.setdefault(candidate.terms.id, candidate)
        if known is not candidate and row["place"] is not None:
            doubled.append(row["place"])
    outcome = apply(list(kept.values()), items, currency)
    return Asked(outcome, tuple(sorted((*unknown, *doubled))), read["locked"])


def _count(named: NamedCoupons) -> int:
    return len(named.codes) + len(named.ids)


def _candidate(row: Mapping[str, Any], tier: str, currency: str) -> Candidate:
    shares = (row["platform_share"], row["agent_share"], row["supplier_share"])
    coupon = UUID(row["coupon_id"]) if row["coupon_id"] else None
    campaign = UUID(row["id"])
    return Candidate(
        terms=Terms(
            id=campaign,
            kind=CampaignKind(row["kind"]),
            value=row["value"],
            cap=row["cap"],
            steps=tuple(Step(each["from"], each["off"]) for each in row["steps"]),
            repeats=row["repeats"],
            free_sku=row["free_sku"],
            beside=row["beside"],
            minimum=row["minimum"],
            group=row["stack_group"],
            priority=row["priority"],
            automatic=row["automatic"],
        ),
        skus=frozenset(row["skus"]),
        barred=_barred(row, tier, currency),
        left=None if row["budget"] is None else row["budget"] - row["amount"],
        given=row["place"] is not None,
        facts=Facts(
            campaign,
            row["version"],
            coupon,
            row["place"],
            row["name_zh"],
            row["name_en"],
            shares,
            row["given_back"],
            row["per_device"] is not None,
        ),
    )


def _barred(row: Mapping[str, Any], tier: str, currency: str) -> Why | None:
    state = CampaignState(row["state"])
    used_up = row["max_uses"] is not None and row["uses"] >= row["max_uses"]
    by_user, by_device = row["used_by_user"], row["used_by_device"]
    checks = (
        (state is CampaignState.DRAFT, Why.NOT_ACCEPTED),
        (row["used"], Why.USED),
        (state is CampaignState.PAUSED, Why.NOT_RUNNING),
        (row["early"], Why.NOT_YET),
        (row["over"] or state is CampaignState.ENDED, Why.OVER),
        (not row["here"], Why.OTHER_SITE),
        (row["currency"] != currency, Why.OTHER_CURRENCY),
        (bool(row["tiers"]) and tier not in row["tiers"], Why.OTHER_TIER),
        (row["bought_before"], Why.NOT_FIRST_ORDER),
        (by_user is not None and by_user >= row["per_user"], Why.USER_LIMIT),
        (by_device is not None and by_device >= row["per_device"], Why.DEVICE_LIMIT),
        (used_up, Why.EXHAUSTED),
    )
    return next((why for wrong, why in checks if wrong), None)
