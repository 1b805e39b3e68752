"""The doors of promotion links: a page that leads on, and the posters (mission row G9).

The page is for messengers, which show its title, price and picture, and sends everybody else on to
the shop. Nothing here counts a visit: the shop does, once it knows who comes (`promoVisit`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from html import escape
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from domain import promotion, sites
from domain.kernel import Prefix, Refused, decode_id
from domain.promotion import PATH, Facts, PromoLink
from schema.faults import RequestRefused
from schema.locale import negotiate
from server.backoffice import answering
from server.settings import Settings
from server.storefront import SHOP_DOOR, site_for

FRESH_SECONDS = 60.0
KEPT = 512
DRAWN_AT_ONCE = 2
HEADERS = {
    "cache-control": f"public, max-age={int(FRESH_SECONDS)}",
    "content-security-policy": "default-src 'none'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "cross-origin",  # a poster may stand in any chat
}
_WAY_ON = {"zh": "进入商店", "en": "To the shop"}
_OVER = {"zh": "该推广链接已失效。", "en": "This promotion link is over."}
_FROM = {"zh": "{price} 起", "en": "from {price}"}


@dataclass(slots=True)
class Kept:
    """Answers of the last minute, so that a link that goes round costs nothing."""

    known: dict[tuple[str, ...], tuple[float, bytes]] = field(default_factory=dict)

    async def get(self, key: tuple[str, ...], make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer of this key, made anew when it is a minute old."""
        found = self.known.get(key)
        if found is not None and time.monotonic() - found[0] < FRESH_SECONDS:
            return found[1]
        made = await make()
        self.known.pop(key, None)
        while len(self.known) >= KEPT:
            self.known.pop(next(iter(self.known)))
        self.known[key] = (time.monotonic(), made)
        return made


def promotion_routes(config: Settings) -> list[Route]:
    """GET /p/{code}, and its poster as /p/{code}/poster.svg and .png; `?lang=zh|en`, and
    `&look=` with a poster of the library."""
    kept = Kept()
    drawing = asyncio.Semaphore(DRAWN_AT_ONCE)

    async def page(request: Request) -> Response:
        language, site = _language(request), await site_for(request.headers, SHOP_DOOR)
        try:
            landing = await promotion.land(request.path_params["code"])
        except Refused:
            return HTMLResponse(_gone(language, config), 404, HEADERS)
        make = partial(_page, landing.link, site, language, config)
        key = (landing.link.code, site.slug, language, "page")
        return HTMLResponse(await kept.get(key, make), headers=HEADERS)

    async def svg(request: Request) -> Response:
        return Response(await _poster(request, "svg"), 200, HEADERS, "image/svg+xml")

    async def png(request: Request) -> Response:
        return Response(await _poster(request, "png"), 200, HEADERS, "image/png")

    async def _poster(request: Request, form: str) -> bytes:
        language, site = _language(request), await site_for(request.headers, SHOP_DOOR)
        link = (await promotion.land(request.path_params["code"])).link
        look = await _look(request)
        make = partial(_draw, link, site, language, form, config, drawing, look)
        return await kept.get((link.code, site.slug, language, form, str(look)), make)

    return [
        Route(f"{PATH}/{{code}}", answering("promo_page", page), methods=["GET"]),
        Route(f"{PATH}/{{code}}/poster.svg", answering("promo_svg", svg), methods=["GET"]),
        Route(f"{PATH}/{{code}}/poster.png", answering("promo_png", png), methods=["GET"]),
    ]


async def _draw(
    link: PromoLink,
    site: sites.Site,
    language: str,
    form: str,
    config: Settings,
    drawing: asyncio.Semaphore,
    look: UUID | None,
) -> bytes:
    # Drawn by few, and their library is large: it is loaded by the first one.
    from adapters import drawing as pens

    poster = await promotion.poster_of(link, site, language, look)
    if form == "svg":
        return pens.svg_of(poster)
    font = pens.find_font(config.poster_font)
    if font is None:
        raise RequestRefused("POSTER_FONT_MISSING")
    async with drawing:
        return await asyncio.to_thread(pens.png_of, poster, font)


async def _page(link: PromoLink, site: sites.Site, language: str, config: Settings) -> bytes:
    facts = await promotion.facts_of(link, site, language)
    way_on = _target(facts, config)
    title = escape(facts.product or facts.shop)
    price = ""
    if facts.price is not None:
        price = escape(_FROM[language].format(price=promotion.spoken(facts.price)))
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta property="og:type" content="website">
<meta property="og:site_name" content="{escape(facts.shop)}">
<meta property="og:title" content="{title}">
<meta property="og:description" content="{price}">
<meta property="og:url" content="{escape(facts.url)}">
{_picture(facts, language, config)}<meta http-equiv="refresh" content="0;url={escape(way_on)}">
</head><body><h1>{title}</h1><p>{price}</p>
<p><a href="{escape(way_on)}">{_WAY_ON[language]}</a></p></body></html>
""".encode()


def _picture(facts: Facts, language: str, config: Settings) -> str:
    """The poster for messengers, where this server can draw it."""
    from adapters import drawing as pens

    if pens.find_font(config.poster_font) is None:
        return ""
    picture = escape(f"{facts.url}/poster.png?lang={language}")
    return f'<meta property="og:image" content="{picture}">\n'


def _gone(language: str, config: Settings) -> str:
    """For whoever comes by a poster that is old: what is the matter, and the way to the shop."""
    shop = escape(config.promo_target.replace("{code}", ""))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_OVER[language]}</title></head><body><p>{_OVER[language]}</p>"
        f'<p><a href="{shop}">{_WAY_ON[language]}</a></p></body></html>'
    )


def _target(facts: Facts, config: Settings) -> str:
    """Where the link leads on; a product that is not shown any more leads to the whole shop."""
    code = quote(facts.link.code, safe="")
    if facts.slug is None:
        return config.promo_target.replace("{code}", code)
    target = config.promo_product_target.replace("{code}", code)
    return target.replace("{product}", quote(facts.slug, safe=""))


async def _look(request: Request) -> UUID | None:
    """The poster of the library that is asked for. What is none is as if it were not asked for: a
    poster that goes round is never refused, and strange ids fill nobody's memory."""
    try:
        look = decode_id(Prefix.PROMO_TEMPLATE, request.query_params.get("look", ""))
    except Refused:
        return None
    return look if await promotion.is_look(look) else None


def _language(request: Request) -> str:
    asked = request.query_params.get("lang", "")
    spoken = negotiate(asked or request.headers.get("accept-language"))
    return "zh" if spoken.startswith("zh") else "en"
