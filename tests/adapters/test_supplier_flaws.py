"""What an operator may get wrong of a connection is named before it is saved, never by a purchase
that cannot leave the house."""

from datetime import timedelta

import pytest

from adapters.http import PartnerClient
from adapters.sandbox.dialects.desk import DIALECTS, access
from adapters.standard_webhooks import checked, key_of
from adapters.suppliers.hook import Hook
from domain.kernel import clock
from domain.suppliers import Category, Connection, Flaw, FlawKind, Forged, Rejected, Submission
from tests.suppliers import KINDS

MISSING, UNREADABLE, WORD = FlawKind.MISSING, FlawKind.UNREADABLE, FlawKind.WORD_UNKNOWN
PLUS = "secret=whsec_++++++++++++++++++++++8="  # not percent-encoded: read as blanks


def flaw_of(adapter: str, secret: str) -> Flaw | None:
    make = next(kind.make for kind in KINDS.values() if kind.adapter == adapter)
    flaw: Flaw | None = make(PartnerClient()).flaw_of(Connection("s", "https://s.test", secret))
    return flaw


@pytest.mark.parametrize("adapter", DIALECTS)
def test_what_the_simulator_hands_out_has_no_flaw(adapter: str) -> None:
    assert flaw_of(adapter, access(adapter, "alpha", "http://simulator.test")[1]) is None


@pytest.mark.parametrize(
    ("adapter", "secret", "name", "kind"),
    [
        ("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret", MISSING),
        ("hook", "secret=", "secret", MISSING),
        ("hook", "secret=whsec_!", "secret", UNREADABLE),
        ("hook", "secret=whsec_c2hvcnQ=", "secret", UNREADABLE),
        ("kameng", "key=kmk_a", "signing_secret", MISSING),
        ("kameng", "signing_secret=kms_a", "key", MISSING),
        ("kameng", "key=a&signing_secret=b&webhook_secret=c", "webhook_secret", UNREADABLE),
        ("kashangwl", "customer_id=1", "key", MISSING),
        ("kashangwl", "key=k&customer_id=+", "customer_id", MISSING),
        ("kashangwl", "customer_id=1&key=k&rejections=2001", "rejections", WORD),
        ("kashangwl", "customer_id=1&key=k&rejections=1=auth,2=sold", "rejections", WORD),
        ("dayuanren", "key=k", "userid", MISSING),
        ("reloadly", "client_id=a&client_secret=b", "rate", MISSING),
        ("reloadly", "client_id=a&client_secret=b&rate=0", "rate", UNREADABLE),
        ("reloadly", "client_id=a&client_secret=b&rate=7,1", "rate", UNREADABLE),
        ("reloadly", "client_id=a&client_secret=b&rate=7&product=cards", "product", UNREADABLE),
    ],
)
def test_what_is_wrong_is_named(adapter: str, secret: str, name: str, kind: FlawKind) -> None:
    assert flaw_of(adapter, secret) == Flaw(name, kind)


@pytest.mark.parametrize(
    ("adapter", "secret"),
    [
        ("hook", PLUS),
        ("kameng", "key=a&signing_secret=b"),
        ("kashangwl", "customer_id=1&key=k&rejections=2001=out_of_stock, 2009=not_found,"),
        ("reloadly", "client_id=a&client_secret=b&rate=7.1&product=airtime&country=CN"),
        ("generic_http", "anything at all"),
    ],
)
def test_what_could_be_right_is_let_through(adapter: str, secret: str) -> None:
    assert flaw_of(adapter, secret) is None


async def test_a_stored_secret_that_cannot_sign_rejects_instead_of_raising() -> None:
    """An attempt of a connection that cannot sign would else be open for ever: nothing left."""
    client = PartnerClient()
    port = Hook(client)
    order = Submission(
        reference="k1",
        item="card",
        quantity=1,
        max_unit_cost=10,
        currency="CNY",
        valid_until=clock.now() + timedelta(seconds=20),
    )
    for secret in ("", "secret=whsec_!", "secret=whsec_abc"):
        broken = Connection("s", "http://127.0.0.1:9/", secret)
        told = await port.submit(broken, order)
        assert isinstance(told, Rejected)
        assert told.category is Category.PROVIDER_DOWN
        assert not isinstance(await port.query(broken, order), Rejected)
        assert await port.balance(broken) is None
        assert isinstance(await port.parse_callback(broken, {}, b"{}"), Forged)
    await client.close()


def test_a_plus_that_was_not_encoded_is_read_as_it_was_meant() -> None:
    assert key_of({"secret": "whsec_a b"}, "secret") == "whsec_a+b"
    assert isinstance(checked("", {"webhook-id": "1", "webhook-timestamp": "1"}, b"{}"), Forged)
