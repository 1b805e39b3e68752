"""Signed checkpoints of both hash chains (mission row B6; docs/decisions/0014).

A chain in a database proves nothing against somebody who writes to that database and makes all
later links anew. A checkpoint says, signed, where both chains stood on a day; a copy of it that is
kept elsewhere shows what was cut off or made anew since.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from domain import ledger
from domain.cards.tracing import head_of
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refused,
    clock,
    connection,
    keys,
    refresh_keys,
    sign,
    signature_holds,
    signing_public_key,
    transaction,
)

TRACE_SCOPE = "cards:trace"
PURPOSE = "checkpoints"
_LOCK = 7_251_022
SLICE = 500

_LAST = """
SELECT number, statement, signature, taken_at FROM trace_checkpoints ORDER BY number DESC LIMIT 1
"""
_STORED_SINCE = """
SELECT coalesce(sum(e.cards), 0)::bigint FROM card_seals s CROSS JOIN LATERAL (
    SELECT action, cards FROM card_events WHERE id = s.event_id LIMIT 1) e
WHERE s.sequence > $1 AND s.sequence <= $2 AND e.action = 'stored'
"""
_TAKE = """
INSERT INTO trace_checkpoints (number, statement, signature, public_key, taken_at)
VALUES ($1, $2, $3, $4, $5)
"""
_FROM = """
SELECT number, statement, signature, public_key, taken_at FROM trace_checkpoints
WHERE number > $1 ORDER BY number LIMIT $2
"""
_SEAL_AT = "SELECT digest FROM card_seals WHERE sequence = $1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint: what it says (JSON, exactly as signed), and by whom."""

    number: int
    statement: str
    signature: bytes
    public_key: bytes
    taken_at: datetime | None = None

    def line(self) -> str:
        """One line of an export."""
        return json.dumps(
            {
                "statement": self.statement,
                "signature": b64encode(self.signature).decode(),
                "publicKey": b64encode(self.public_key).decode(),
            }
        )


@dataclass(slots=True)
class Checked:
    """How many checkpoints were looked at, and what is wrong with them."""

    number: int = 0
    faults: list[str] = field(default_factory=list)


async def take_checkpoint(*, daily: bool = False) -> Signed | None:
    """Sign where both chains stand now; with `daily`, only when none was taken today (UTC).

    None when there is nothing to do, or somebody else takes one at this moment.
    """
    await refresh_keys()
    version = max(keys().versions)
    async with transaction() as conn:
        if not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return None
        last = await conn.fetchrow(_LAST)
        moment = clock.now()
        if daily and last is not None and last["taken_at"].date() >= moment.date():
            return None
        statement = await _statement(conn, last, moment, version)
        number = 1 if last is None else last["number"] + 1
        signature = sign(PURPOSE, statement.encode(), version)
        public_key = signing_public_key(PURPOSE, version)
        await conn.execute(_TAKE, number, statement, signature, public_key, moment)
    return Signed(number, statement, signature, public_key, moment)


async def _statement(conn: Connection, last: Any, moment: datetime, version: int) -> str:
    before = json.loads(last["statement"]) if last else None
    since, stored = (before["cards"]["link"], before["cards"]["stored"]) if before else (0, 0)
    cards, money = await head_of(conn), await ledger.head_of(conn)
    stored += await conn.fetchval(_STORED_SINCE, since, cards.sequence)
    said = {
        "number": last["number"] + 1 if last else 1,
        "takenAt": moment.astimezone(UTC).isoformat(),
        "rootKey": version,
        "previous": _digest_of(last["statement"], last["signature"]) if last else "",
        "cards": {"link": cards.sequence, "digest": cards.digest.hex(), "stored": stored},
        "ledger": {"link": money.sequence, "digest": money.digest.hex()},
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _digest_of(statement: str, signature: bytes) -> str:
    return sha256(statement.encode() + signature).hexdigest()


async def list_checkpoints(actor: Actor, after: int = 0) -> list[Signed]:
    """The checkpoints behind a number, oldest first, a few hundred; needs `cards:trace`."""
    actor.require_scope(TRACE_SCOPE)
    async with connection() as conn:
        return await _read(conn, after)


async def _read(conn: Connection, after: int) -> list[Signed]:
    rows = await conn.fetch(_FROM, after, SLICE)
    names = ("number", "statement", "signature", "public_key", "taken_at")
    return [Signed(*(row[name] for name in names)) for row in rows]


def read_export(lines: Iterable[str]) -> list[Signed]:
    """Checkpoints from the lines of an export; refuses a line that is none."""
    found = []
    for line in lines:
        if not line.strip():
            continue
        try:
            each = json.loads(line)
            statement = each["statement"]
            found.append(
                Signed(
                    int(json.loads(statement)["number"]),
                    statement,
                    b64decode(each["signature"], validate=True),
                    b64decode(each["publicKey"], validate=True),
                )
            )
        except (ValueError, KeyError, TypeError):
            raise Refused(Invalid(reason="checkpoint_unreadable")) from None
    return found


async def checkpoint_faults(conn: Connection, against: Iterable[Signed] = ()) -> Checked:
    """What is wrong with the checkpoints in the database, and with it by those kept elsewhere.

    The caller has refreshed the keys, outside any transaction.
    """
    checked, kept = Checked(), {each.number: each for each in against}
    expected, previous = 1, ""
    while page := await _read(conn, expected - 1):
        for each in page:
            if each.number != expected:
                checked.faults.append(f"checkpoint {expected} is missing before {each.number}")
            elif previous is not None and _said(each).get("previous") != previous:
                checked.faults.append(f"checkpoint {each.number} does not follow the one before it")
            outside = kept.pop(each.number, None)
            if outside is not None and _signed(outside) != _signed(each):
                checked.faults.append(f"checkpoint {each.number} is not the one that was exported")
                checked.faults += await _faults_of(conn, outside, "exported checkpoint")
            checked.faults += await _faults_of(conn, each, "checkpoint")
            expected, previous = each.number + 1, _digest_of(each.statement, each.signature)
            checked.number += 1
    for number, outside in sorted(kept.items()):
        checked.faults.append(f"checkpoint {number} was exported and is gone")
        checked.faults += await _faults_of(conn, outside, "exported checkpoint")
        checked.number += 1
    return checked


def _signed(each: Signed) -> tuple[str, bytes]:
    return each.statement, each.signature


def _said(each: Signed) -> dict[str, Any]:
    try:
        said = json.loads(each.statement)
        return said if isinstance(said, dict) else {}
    except ValueError:
        return {}


async def _faults_of(conn: Connection, each: Signed, kind: str) -> list[str]:
    """Its signature first: nothing that it says counts when it was not signed here."""
    name, said = f"{kind} {each.number}", _said(each)
    try:
        known = signing_public_key(PURPOSE, int(said["rootKey"]))
    except (Refused, KeyError, ValueError, TypeError):
        return [f"{name}: it is signed by a key that is not here"]
    if known != each.public_key or not signature_holds(
        known, each.signature, each.statement.encode()
    ):
        return [f"{name}: its signature does not hold"]
    heads: dict[str, bytes | None] = {
        "cards": await conn.fetchval(_SEAL_AT, said["cards"]["link"]),
        "ledger": await ledger.digest_at(conn, said["ledger"]["link"]),
    }
    faults = []
    for chain, digest in heads.items():
        link = said[chain]["link"]
        if link and digest is None:
            faults.append(f"{name}: the chain of {chain} ended at link {link}, which is gone")
        elif link and digest is not None and digest.hex() != said[chain]["digest"]:
            faults.append(f"{name}: link {link} of the chain of {chain} was made anew")
    return faults
