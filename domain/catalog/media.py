"""Pictures, films and other assets of a product: addresses with words for who cannot see them.

The shop stores and fetches no file: an asset is an https address that a front end shows (rows A10,
O8). The first picture is the product's face.
"""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from domain.catalog.assets import Media, read_media
from domain.catalog.editing import edit_product, locked_product
from domain.catalog.models import Product
from domain.catalog.rules import is_url
from domain.catalog.service import WRITE_SCOPE
from domain.kernel import Actor, Invalid, Refused, transaction, wake_relay

MAX_MEDIA = 30
MAX_ALT_LETTERS = 200


async def set_media(
    actor: Actor, product_id: UUID, media: Sequence[Media], expected_version: int | None = None
) -> Product:
    """Say anew which assets a product has, in their order; it goes back to review. Audited.

    Needs `products:write`. Refuses more than thirty, an address that is no https address, the same
    one twice, words above 200 letters, an unknown product, another version (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    faults = media_faults(media)
    if faults:
        raise Refused(*faults)
    values = {"media": [asdict(each) for each in media]}
    async with transaction() as conn:
        product = await locked_product(conn, product_id, expected_version)
        await edit_product(conn, actor, product, values, "product.media")
    wake_relay()
    return product


def media_faults(media: Sequence[Media]) -> list[Invalid]:
    """What is wrong with a list of assets; empty when nothing is."""
    if len(media) > MAX_MEDIA:
        return [Invalid(reason="too_many_media", field=("media",))]
    faults: list[Invalid] = []
    seen: set[str] = set()
    for index, each in enumerate(media):
        place = ("media", str(index))
        if not is_url(each.url):
            faults.append(Invalid(reason="https_url", field=(*place, "url")))
        elif each.url in seen:
            faults.append(Invalid(reason="media_twice", field=(*place, "url")))
        seen.add(each.url)
        faults += [
            Invalid(reason="text_too_long", field=(*place, name))
            for name, text in (("altZh", each.alt_zh), ("altEn", each.alt_en))
            if len(text) > MAX_ALT_LETTERS
        ]
    return faults


def media_of(product: Product) -> list[Media]:
    """The assets of a product, in their order."""
    return read_media(product.media)
