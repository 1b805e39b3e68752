"""Large files: taken as the body of a request, then imported at once or as a job.

No byte of a file touches a disk in the open: a small one is held in memory until it is sealed, a
large one is sealed piece by piece as it comes, and worked off by the worker.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from io import BytesIO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import bulk, cards, pricebook, pricing, statements
from domain.kernel import Actor, Invalid, NotFound, Prefix, Refused, encode_id, parse_units
from schema.locale import negotiate, reason_text
from server.backoffice import NO_STORE, bounded_body, door
from server.settings import Settings

MAX_BYTES = 512 * 1024 * 1024  # of cards
MAX_TABLE_BYTES = 64 * 1024 * 1024  # of products and prices, which are read into memory
AT_ONCE_BYTES = 4 * 1024 * 1024  # above it the answer is a job


def upload_routes(config: Settings) -> list[Route]:
    """POST with the file as the body.

    /admin/card-imports?sku=&unit_cost=&source=&expires_on=&supplier_code=&reference=&note=
    &quarantine=&encoding=&dry_run=&all_or_nothing= answers with the report, or with a job when the
    file is large; /admin/imports/cards with the same, /admin/imports/products?table=&approve= and
    /admin/imports/prices, agent-prices, price-ladders and volume-ladders always answer with a job,
    and so does /admin/imports/statements with one of channel=, supplier=, payout=, and
    &format=&layout=&day=&until=&name=&dry_run=.
    """
    return [
        Route("/admin/card-imports", door(config, "card_import", _cards), methods=["POST"]),
        Route("/admin/imports/{kind}", door(config, "import", _job), methods=["POST"]),
    ]


async def _cards(request: Request, actor: Actor) -> Response:
    actor.require_scope("cards:write")  # before a single byte of the file is taken
    wish = _card_wish(request)
    body = bounded_body(request, MAX_BYTES)
    file = BytesIO()
    async for piece in body:
        file.write(piece)
        if file.tell() > AT_ONCE_BYTES:
            upload = await cards.begin_card_import(actor, wish)
            return await _received(request, upload, body, file.getvalue())
    report = await cards.import_cards(actor, wish, file)
    language = negotiate(request.headers.get("accept-language"))
    return JSONResponse(_shown(report, language), headers=NO_STORE)


async def _job(request: Request, actor: Actor) -> Response:
    begin = KINDS.get(request.path_params["kind"])
    if begin is None:
        raise Refused(NotFound(what="import"))
    upload, most = await begin(request, actor)
    return await _received(request, upload, bounded_body(request, most), b"")


async def _begin_cards(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    actor.require_scope("cards:write")
    return await cards.begin_card_import(actor, _card_wish(request)), MAX_BYTES


async def _begin_products(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    wish = pricing.TableWish(
        table=request.query_params.get("table", "products"),
        approve=_flag(request, "approve"),
        dry_run=_flag(request, "dry_run"),
        all_or_nothing=_flag(request, "all_or_nothing"),
    )
    return await pricing.begin_table_import(actor, wish), MAX_TABLE_BYTES


async def _begin_prices(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    wish = pricing.TableWish(
        table="prices",
        dry_run=_flag(request, "dry_run"),
        all_or_nothing=_flag(request, "all_or_nothing"),
    )
    return await pricing.begin_table_import(actor, wish), MAX_TABLE_BYTES


async def _begin_own_prices(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    wish = pricebook.OwnPricesWish(_flag(request, "dry_run"), _flag(request, "all_or_nothing"))
    return await pricebook.begin_own_prices(actor, wish), MAX_TABLE_BYTES


async def _begin_ladders(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    table = request.path_params["kind"]
    flags = _flag(request, "dry_run"), _flag(request, "all_or_nothing")
    wish = pricebook.LadderTableWish(table, *flags)
    return await pricebook.begin_ladders(actor, wish), MAX_TABLE_BYTES


async def _begin_statement(request: Request, actor: Actor) -> tuple[bulk.Upload, int]:
    given = request.query_params
    named = [(party, given[party.lower()]) for party in statements.Party if party.lower() in given]
    if len(named) != 1:
        raise Refused(Invalid(reason="statement_source", field=("channel",)))
    ((party, code),) = named
    first = _day(request, "day")
    wish = statements.StatementWish(
        name=given.get("name", "upload"),
        format=given.get("format", "csv"),
        layout=given.get("layout", ""),
        first_day=first,
        last_day=_day(request, "until") or first,
    )
    dry = _flag(request, "dry_run")
    upload = await statements.begin_statement_import(actor, party, code, wish, dry_run=dry)
    return upload, MAX_BYTES


KINDS: dict[str, Callable[[Request, Actor], Awaitable[tuple[bulk.Upload, int]]]] = {
    "cards": _begin_cards,
    "products": _begin_products,
    "prices": _begin_prices,
    "agent-prices": _begin_own_prices,
    "price-ladders": _begin_ladders,
    "volume-ladders": _begin_ladders,
    "statements": _begin_statement,
}


async def _received(
    request: Request, upload: bulk.Upload, body: AsyncIterator[bytes], begun: bytes
) -> Response:
    """Take the rest of the body, seal it, and queue the job."""
    try:
        await upload.write(begun)
        async for piece in body:
            await upload.write(piece)
        job = await upload.finish(request.headers.get("idempotency-key"))
    except BaseException:  # a client that hangs up leaves nothing
        await upload.abandon()
        raise
    job_id = encode_id(Prefix.JOB, job.id)
    told = {"jobId": job_id, "kind": job.kind, "state": job.state.value, "bytes": job.total}
    return JSONResponse(told, 202, NO_STORE)


def _card_wish(request: Request) -> cards.ImportWish:
    given = request.query_params
    return cards.ImportWish(
        sku=given.get("sku", ""),
        unit_cost=parse_units(given.get("unit_cost", ""), field=("unit_cost",)),
        source=given.get("source", "upload"),
        expires_on=_day(request, "expires_on"),
        origin=cards.BatchOrigin(
            given.get("supplier_code", ""),
            given.get("reference", ""),
            given.get("note", ""),
            _flag(request, "quarantine"),
        ),
        encoding=given.get("encoding", "utf-8").lower(),
        dry_run=_flag(request, "dry_run"),
        all_or_nothing=_flag(request, "all_or_nothing"),
    )


def _day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(Invalid(reason="date", field=(name,))) from None


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "") in ("1", "true")


def _shown(report: cards.CardImportReport, language: str) -> dict[str, object]:
    return {
        "batchId": encode_id(Prefix.CARD_BATCH, report.batch_id) if report.batch_id else None,
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "replayed": report.replayed,
        "resumed": report.resumed,
        "stored": report.stored,
        "fromNumbers": report.from_numbers,
        "problems": [
            {
                "line": problem.line,
                "reason": problem.reason,
                "message": reason_text(problem.reason, language),
            }
            for problem in report.problems
        ],
    }
