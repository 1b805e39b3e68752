"""What is known of an order that rules look at: noted and read only while rules ask for it.

A try is noted before it is counted, so of many at once each sees those before it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orjson import dumps

from domain.kernel import Actor, Connection, clock, keyed_digest, new_id, transaction
from domain.risk.models import RiskSubject
from domain.risk.rules import Facts, Rule, Signal, subjects_of, windows_of

PURPOSE = "risk-subject"
KEPT_DAYS = 31
FORGOTTEN_AT_ONCE = 5_000

_NOTE = """
INSERT INTO risk_sightings (id, subject, digest, deed, order_id, seen_at)
SELECT id, subject, digest, $4, $5, $6
FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS s (id, subject, digest)
ON CONFLICT (subject, digest, deed) DO NOTHING
"""
_FACTS = """
WITH RECURSIVE above (variant_id, category_id) AS (
    SELECT v.id, p.category_id FROM variants v JOIN products p ON p.id = v.product_id
    WHERE v.id = ANY($2::uuid[])
    UNION
    SELECT above.variant_id, c.parent_id FROM above JOIN categories c ON c.id = above.category_id
    WHERE c.parent_id IS NOT NULL
)
SELECT u.created_at,
    NOT EXISTS (SELECT 1 FROM orders o WHERE o.buyer_id = u.id AND o.paid_at IS NOT NULL
        AND o.id IS DISTINCT FROM $3) AS first_purchase,
    ARRAY(SELECT variant_id FROM above) AS variants,
    ARRAY(SELECT category_id FROM above) AS categories,
    ARRAY(SELECT coalesce((SELECT max(tries.number) FROM (
            SELECT count(*) AS number FROM risk_sightings s
            WHERE s.subject = w.subject AND s.digest = ANY($6::bytea[])
                AND s.seen_at > $7::timestamptz - make_interval(mins => w.minutes)
                AND s.seen_at <= $7 + interval '1 minute'
            GROUP BY s.digest) tries), 0)
        FROM unnest($4::text[], $5::int[]) WITH ORDINALITY AS w (subject, minutes, place)
        ORDER BY w.place) AS tries
FROM users u WHERE u.id = $1
"""
_OF_ORDER = "SELECT subject, digest, seen_at FROM risk_sightings WHERE order_id = $1"
_HITS = """
INSERT INTO risk_hits (id, rule_id, version, deed, buyer_id, shadow, signal, seen_at)
SELECT id, rule, version, $4, $5, shadow, signal, $6
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $7::bool[], $8::jsonb[])
    AS h (id, rule, version, shadow, signal)
ON CONFLICT (rule_id, version, deed) DO NOTHING
"""
_FORGET = """
DELETE FROM risk_sightings WHERE id = ANY (ARRAY(
    SELECT id FROM risk_sightings WHERE seen_at < $1::timestamptz - make_interval(days => $2)
    ORDER BY seen_at LIMIT $3))
"""


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """A line of an order, as rules see it; `account` is what the buyer filled in, of a new order:
    later it is known by its sightings."""

    variant_id: UUID
    quantity: int
    unit_price: int
    account: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody tries to order. `deed` is one for all calls with one idempotency key."""

    deed: UUID
    buyer_id: UUID
    lines: Sequence[OrderedLine]
    seen: Mapping[RiskSubject, frozenset[str]]
    order_id: UUID | None = None

    @property
    def total(self) -> int:
        """What it costs, in units."""
        return sum(line.unit_price * line.quantity for line in self.lines)


def deed_of(actor: UUID, key: str) -> UUID:
    """One name for all calls of one actor with one idempotency key."""
    return UUID(bytes=hashlib.sha256(actor.bytes + key.encode()).digest()[:16])


def digest_of(subject: RiskSubject, value: str) -> str:
    """The keyed digest of a value, in hex: equal values are found, and none can be read."""
    return keyed_digest(PURPOSE, f"{subject.value}:{value.strip().lower()}".encode()).hex()


def seen_of(actor: Actor, buyer: UUID, lines: Iterable[OrderedLine]) -> dict[RiskSubject, Any]:
    """Who orders, from where, and for which accounts."""
    values = {str(value) for line in lines for value in (line.account or {}).values()}
    accounts = frozenset(digest_of(RiskSubject.ACCOUNT, each) for each in values)
    here = frozenset({digest_of(RiskSubject.ADDRESS, actor.ip)}) if actor.ip else frozenset()
    return {
        RiskSubject.BUYER: frozenset({digest_of(RiskSubject.BUYER, str(buyer))}),
        RiskSubject.ADDRESS: here,
        RiskSubject.ACCOUNT: accounts,
    }


async def note_try(conn: Connection, rules: Iterable[Rule], each: Try) -> None:
    """Note a try by the subjects that these rules ask for; once for each deed."""
    asked = subjects_of(rules)
    noted = [(s, d) for s, digests in each.seen.items() if s in asked for d in sorted(digests)]
    if noted:
        await conn.execute(
            _NOTE,
            [new_id() for _ in noted],
            [subject.value for subject, _ in noted],
            [bytes.fromhex(digest) for _, digest in noted],
            each.deed,
            each.order_id,
            clock.now(),
        )


async def facts_of(
    conn: Connection, rules: Sequence[Rule], each: Try, *, moment: Any = None
) -> Facts:
    """All that these rules may ask of a try, by one statement."""
    windows, now = windows_of(rules), clock.now()
    row = await conn.fetchrow(
        _FACTS,
        each.buyer_id,
        [line.variant_id for line in each.lines],
        each.order_id,
        [subject.value for subject, _ in windows],
        [minutes for _, minutes in windows],
        [bytes.fromhex(digest) for digests in each.seen.values() for digest in digests],
        moment or now,
    )
    pieces: defaultdict[UUID, int] = defaultdict(int)
    amounts: defaultdict[UUID, int] = defaultdict(int)
    for variant, category in zip(row["variants"], row["categories"], strict=True):
        for line in each.lines:
            if line.variant_id == variant:
                pieces[category] += line.quantity
                amounts[category] += line.quantity * line.unit_price
    return Facts(
        total=each.total,
        account_minutes=int((now - row["created_at"]).total_seconds() // 60),
        first_purchase=row["first_purchase"],
        pieces=pieces,
        amounts=amounts,
        seen=each.seen,
        tries=dict(zip(windows, row["tries"], strict=True)),
    )


async def seen_with(conn: Connection, order_id: UUID) -> tuple[dict[RiskSubject, Any], Any]:
    """What was noted when an order was placed, and when that was."""
    rows = await conn.fetch(_OF_ORDER, order_id)
    seen: defaultdict[RiskSubject, set[str]] = defaultdict(set)
    for row in rows:
        seen[RiskSubject(row["subject"])].add(row["digest"].hex())
    moment = max((row["seen_at"] for row in rows), default=None)
    return {subject: frozenset(digests) for subject, digests in seen.items()}, moment


async def note_hits(conn: Connection, each: Try, signals: Sequence[Signal]) -> None:
    """Keep what fired without holding an order; once for each deed."""
    if not signals:
        return
    await conn.execute(
        _HITS,
        [new_id() for _ in signals],
        [signal.rule.rule_id for signal in signals],
        [signal.rule.version for signal in signals],
        each.deed,
        each.buyer_id,
        clock.now(),
        [signal.rule.shadow for signal in signals],
        [dumps(signal.plain()).decode() for signal in signals],
    )


async def forget_sightings() -> int:
    """Delete a batch of sightings that no rule can ask for any more; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now(), KEPT_DAYS, FORGOTTEN_AT_ONCE)
    return int(done.rpartition(" ")[2])
