"""What a buyer leaves with an order: how to be reached, and a password to look the order up by.

Both are the buyer's own matter, so they stand in a row of their own that can be forgotten without
touching the order. The contact is sealed; the password is an argon2id hash.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import phonenumbers

from domain import identity
from domain.kernel import (
    Connection,
    Invalid,
    Refused,
    keyed_digest,
    named,
    refuse_unless,
    seal_small,
    unseal_small,
)

SEAL_PURPOSE = "order-contact"
DIGEST_PURPOSE = "contact-digest"
MARK_PURPOSE = "keepsake-mark"
MAX_EMAIL_LETTERS = 254
MIN_LOOKUP_PASSWORD = 8
HOME_REGION = "CN"  # of phone numbers that are written without their country
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}")

# One JSON value, so that the purchase's statement has one more parameter and not six.
INSERT_KEEPSAKE = """
INSERT INTO order_keepsakes (order_id, kind, contact_sealed, contact_digest, contact_masked,
    language, lookup_hash)
SELECT :order_id, k ->> 'kind', decode(k ->> 'sealed', 'base64'), decode(k ->> 'digest', 'base64'),
    k ->> 'masked', k ->> 'language', k ->> 'lookup'
FROM (SELECT :keepsake::jsonb AS k) given WHERE k IS NOT NULL
"""


_INSERT = named(INSERT_KEEPSAKE)


class ContactKind(StrEnum):
    """How somebody is reached."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Contact:
    """An e-mail address, or a phone number as +86138...; a repr shows the masked form only."""

    kind: ContactKind
    value: str = field(repr=False)

    @property
    def masked(self) -> str:
        """Enough for its owner to know it by."""
        if self.kind is ContactKind.PHONE:
            return f"{self.value[:3]}••••{self.value[-4:]}"
        name, _, host = self.value.partition("@")
        return f"{name[:1]}•••@{host}"

    @property
    def digest(self) -> bytes:
        """Tells that two contacts are the same one, to whoever holds our keys."""
        return keyed_digest(DIGEST_PURPOSE, f"{self.kind}:{self.value}".encode())

    def sealed(self, bound_to: UUID) -> bytes:
        """As it is stored, for one row only."""
        return seal_small(SEAL_PURPOSE, self.value, str(bound_to))


@dataclass(frozen=True, slots=True)
class Keepsake:
    """What one order is left with. `mark` tells it from another, without telling what it is."""

    contact: Contact | None
    language: str
    mark: str
    lookup_hash: str | None = field(default=None, repr=False)

    async def record(self, conn: Connection, order_id: UUID) -> None:
        """Leave it with an order, in the caller's transaction."""
        given = {"order_id": order_id, "keepsake": self.column(order_id)}
        await conn.execute(_INSERT.text, *_INSERT.values(given))

    def column(self, order_id: UUID) -> str:
        """The JSON value that `INSERT_KEEPSAKE` reads."""
        found: dict[str, Any] = {"language": self.language, "lookup": self.lookup_hash}
        if self.contact is not None:
            found |= {
                "kind": self.contact.kind,
                "sealed": b64encode(self.contact.sealed(order_id)).decode(),
                "digest": b64encode(self.contact.digest).decode(),
                "masked": self.contact.masked,
            }
        return orjson.dumps(found).decode()


def contact_of(
    email: str | None, phone: str | None, path: tuple[str, ...] = ("contact",)
) -> Contact | None:
    """The contact in the form in which it is compared; refuses two at once, and what is none."""
    if email is None and phone is None:
        return None
    refuse_unless(email is None or phone is None, Invalid(reason="contact_twice", field=path))
    if email is not None:
        text = email.strip().lower()
        usable = len(text) <= MAX_EMAIL_LETTERS and _EMAIL.fullmatch(text) is not None
        refuse_unless(usable, Invalid(reason="contact_email", field=(*path, "email")))
        return Contact(ContactKind.EMAIL, text)
    return Contact(ContactKind.PHONE, _dialled(phone or "", (*path, "phone")))


def _dialled(text: str, path: tuple[str, ...]) -> str:
    """The number with its country, such as +8613800138000."""
    try:
        number = phonenumbers.parse(text[:40], HOME_REGION)
    except phonenumbers.NumberParseException:
        raise Refused(Invalid(reason="contact_phone", field=path)) from None
    usable = phonenumbers.is_valid_number(number) and not number.extension
    refuse_unless(usable, Invalid(reason="contact_phone", field=path))
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def unsealed_contact(kind: ContactKind, sealed: bytes, bound_to: UUID) -> Contact:
    """A stored contact, to write to it."""
    return Contact(kind, unseal_small(SEAL_PURPOSE, sealed, str(bound_to)))


async def keepsake_of(
    contact: Contact | None, lookup_password: str | None, language: str
) -> Keepsake | None:
    """What to leave with an order; None when nothing was given. No transaction is open meanwhile.

    The password is hashed here, off the event loop. Refuses one that would be guessed soon.
    """
    if contact is None and lookup_password is None:
        return None
    parts = [contact.digest.hex() if contact else "", lookup_password or ""]
    mark = keyed_digest(MARK_PURPOSE, "\0".join(parts).encode()).hex()
    if lookup_password is None:
        return Keepsake(contact, language, mark)
    weak = identity.is_weak(lookup_password, "", MIN_LOOKUP_PASSWORD)
    path = ("lookupPassword",)
    refuse_unless(not weak, identity.PasswordWeak(minimum=MIN_LOOKUP_PASSWORD, field=path))
    return Keepsake(contact, language, mark, await identity.hash_password(lookup_password))
