"""Ids: UUIDv7 inside, `prefix_base32` outside: readable, sortable, checked on the way in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum, unique
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.kernel.refusals import Invalid, Refused

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_LENGTH = 26
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two letters at once
_SHIFTS = range(120, -1, -10)

__all__ = ["Prefix", "dated", "decode_id", "encode_id", "new_id"]


@unique
class Prefix(StrEnum):
    """The kind of a public id; its value is what stands before the underscore."""

    SITE = "sit"
    CATEGORY = "cat"
    BRAND = "bnd"
    BRAND_AUTHORISATION = "aut"
    ATTRIBUTE = "atr"
    PRODUCT = "prd"
    PRODUCT_TYPE = "typ"
    VARIANT = "var"
    PRICE_LIST = "prl"
    AGENT_PRICE = "agp"
    LISTING_REVIEW = "rev"
    LISTING_BAN = "ban"
    ORDER = "ord"
    ORDER_LINE = "lin"
    CARD = "crd"
    CARD_BATCH = "bat"
    STAFF_REVEAL = "srv"
    CARD_EXPORT = "exp"
    GIFT_CARD_PROGRAM = "gcp"
    GIFT_CARD_REDEMPTION = "gcr"
    CARD_CHECK = "chk"
    CARD_WRITE_OFF = "wof"
    USER = "usr"
    SESSION = "ses"
    API_KEY = "key"
    WALLET = "wal"
    LEDGER_ENTRY = "ent"
    AGENT = "agt"
    AGREEMENT_VERSION = "agv"
    DEPOSIT_RETURN = "dpr"
    PAPER = "ppr"
    REAL_NAME_CASE = "rnc"
    AGENT_INVITATION = "inv"
    AGENT_APPLICATION = "app"
    PENALTY_CASE = "pen"
    INSPECTION = "isp"
    COMMISSION = "com"
    COMMISSION_RULE = "crl"
    CASHBACK = "cbk"
    CASHBACK_RULE = "cbr"
    BONUS_PLAN = "bpl"
    BONUS_AWARD = "baw"
    PAYOUT = "pyo"
    PAYOUT_CHANNEL = "pyc"
    PAYOUT_DESTINATION = "pyd"
    PAYOUT_BATCH = "pyb"
    PAYOUT_FILE = "pyf"
    SETTLEMENT_RUN = "set"
    SETTLEMENT_STATEMENT = "sst"
    OBJECTION = "obj"
    PROVIDER = "prv"
    PROVIDER_CONTRACT = "pvc"
    PROVIDER_TERMS = "pvt"
    PROVIDER_ITEM = "pvi"
    PROVIDER_STATEMENT = "pvs"
    PROVIDER_ACCOUNT = "pva"
    PROVIDER_FILE = "pvf"
    PROVIDER_PAYMENT = "pvp"
    PAYOUT_CASE = "pyq"
    PAYOUT_CALLBACK = "pyk"
    SUPPLIER = "sup"
    SUPPLIER_OFFER = "off"
    ATTEMPT = "att"
    WEBHOOK_ENDPOINT = "whe"
    WEBHOOK_DELIVERY = "whd"
    JOB = "job"
    EVENT = "evt"
    CLAIM_LINK = "clm"
    NOTIFICATION = "ntf"
    NOTIFICATION_CHANNEL = "nch"
    NOTIFICATION_TEMPLATE = "ntt"
    PAYMENT = "pay"
    PAYMENT_CHANNEL = "pch"
    PAYMENT_CALLBACK = "pcb"
    SUPPLIER_CALLBACK = "scb"
    SUPPLY_INCIDENT = "sin"
    ATTEMPT_VERDICT = "avd"
    PAYMENT_REFUND = "prf"
    RECONCILIATION_FINDING = "fnd"
    REFUND = "rfd"
    DISPUTE = "dsp"
    EVIDENCE = "evi"
    SUPPLIER_CLAIM = "scl"
    RATING = "rtg"
    ROUTING_POLICY = "rpo"
    SUPPLIER_ITEM = "itm"
    SUPPLIER_CONTRACT = "sct"
    PURCHASE_PROPOSAL = "ppo"
    STOCK_PURCHASE = "spu"
    PURCHASE_BUDGET = "pbu"
    CATALOGUE_RUN = "crn"
    PRICE_GUARD = "pgd"
    RESALE_TERMS = "rst"
    PRICE_INVERSION = "piv"
    QUOTE = "quo"
    STATEMENT_FILE = "stf"
    CUSTODY_REPORT = "cus"
    STATEMENT_LINE = "stl"
    STATEMENT_DIFFERENCE = "std"
    COUPON_CAMPAIGN = "cpc"
    PROMO_LINK = "pml"
    PROMO_TEMPLATE = "pmt"
    COUPON_BATCH = "cpb"
    COUPON = "cpn"
    RISK_RULE = "rsk"
    RISK_CASE = "rca"


_dated: Callable[[], datetime] | None = None


def new_id() -> UUID:
    """A fresh time-ordered id."""
    if _dated is None:
        return uuid7()
    return uuid7(nanoseconds=int(_dated().timestamp() * 1_000) * 1_000_000)


@contextmanager
def dated(source: Callable[[], datetime]) -> Iterator[None]:
    """Ids made in the block are ordered as if it were that time. For the demo's past only: what is
    looked for by the time of its id, as the entries of a period are, is found there then."""
    global _dated
    before, _dated = _dated, source
    try:
        yield
    finally:
        _dated = before


def encode_id(prefix: str, value: UUID) -> str:
    """`ord` and a UUID become `ord_01j...` (26 letters of base 32)."""
    number = value.int
    pairs = [_PAIRS[number >> shift & 1023] for shift in _SHIFTS]
    return f"{prefix}_{''.join(pairs)}"


def decode_id(prefix: str, text: str, *, field: tuple[str, ...] = ("id",)) -> UUID:
    """The UUID behind a public id; refuses another kind of id with a clear reason."""
    kind, _, letters = text.partition("_")
    if kind != prefix:
        raise Refused(Invalid(reason="id_of_another_kind", field=field))
    try:
        if len(letters) != _LENGTH:
            raise ValueError
        number = 0
        for letter in letters:
            number = number * 32 + _VALUES[letter]
        return UUID(int=number)
    except (KeyError, ValueError):
        raise Refused(Invalid(reason="id_malformed", field=field)) from None
