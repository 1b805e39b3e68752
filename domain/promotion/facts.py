"""What the house knows of a link's goods: the only source of prices and discounts in promotion."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from domain import catalog, pricing, sites
from domain.kernel import Money, clock
from domain.promotion.models import PromoLink
from domain.promotion.rules import percent_off

PATH = "/p"


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a link at a site, in one language, as of a moment. `price` is what the cheapest variant on
    sale costs a buyer; `was` is struck through on the same list, or None."""

    link: PromoLink
    shop: str
    url: str
    product: str | None
    slug: str | None
    price: Money | None
    was: Money | None
    at: datetime

    @property
    def off(self) -> int:
        """Whole percent less than before; 0 where nothing is struck through."""
        if self.price is None or self.was is None:
            return 0
        return percent_off(self.price.units, self.was.units)

    def values(self, language: str) -> dict[str, str]:
        """What stands in the places of a text; empty where there is nothing."""
        less = self.off
        return {
            "product": self.product or "",
            "price": spoken(self.price) if self.price else "",
            "was": spoken(self.was) if less and self.was else "",
            "off": _off(less, language) if less else "",
            "shop": self.shop,
            "link": self.url,
            "code": self.link.code,
        }


async def facts_of(link: PromoLink, site: sites.Site, language: str) -> Facts:
    """The facts of a link; a product that the site does not show any more is left out."""
    product = None
    if link.product_id is not None:
        place = catalog.place_of(site)
        product = await catalog.find_product(
            product_id=link.product_id, language=language, place=place
        )
    price = was = None
    if product is not None:
        price, was = await _least(product, site, language)
    return Facts(
        link=link,
        shop=site.name_zh if language.startswith("zh") else site.name_en,
        url=url_of(link, site),
        product=product.name if product else None,
        slug=product.slug if product else None,
        price=price,
        was=was,
        at=clock.now(),
    )


def url_of(link: PromoLink, site: sites.Site) -> str:
    """The address of a link at a site."""
    return f"{sites.base_of(site).rstrip('/')}{PATH}/{quote(link.code)}"


def spoken(money: Money) -> str:
    """An amount as a buyer reads it: ¥9.9, or 9.9 USD."""
    whole, _, rest = f"{money.units // 10_000}.{money.units % 10_000:04d}".partition(".")
    amount = f"{whole}.{rest.rstrip('0')}" if rest.strip("0") else whole
    return f"¥{amount}" if money.currency == "CNY" else f"{amount} {money.currency}"


async def _least(
    product: catalog.ShownProduct, site: sites.Site, language: str
) -> tuple[Money | None, Money | None]:
    variants = (await catalog.variants_of([product.id], language, site.id))[product.id]
    ids = [variant.id for variant in variants]
    found = await pricing.prices_of(ids, currency=site.currency, site_id=site.id)
    if not found:
        return None, None
    least = min(found.values(), key=lambda each: each.price.units)
    return least.price, least.compare_at


def _off(percent: int, language: str) -> str:
    """20 % less is 8 折 in Chinese: the share that is paid."""
    if not language.startswith("zh"):
        return f"{percent}% off"
    paid = 100 - percent
    return f"{paid / 10:g}折"
