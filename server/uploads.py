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

from domain import bulk, cards, pricing
from domain.kernel import Actor, Invalid, NotFound, Prefix, Refused, encode_id, parse_units
from schema.faults import RequestRefused
from schema.locale import negotiate, reason_text
from server.backoffice import NO_STORE, door
from server.settings import Settings

MAX_BYTES = 512 * 1024 * 1024  # of cards
MAX_TABLE_BYTES = 64 * 1024 * 1024  # of products and prices, which are read into memory
AT_ONCE_BYTES = 4 * 1024 * 1024  # above it the answer is a job


def upload_routes(config: Settings) -> list[Route]:
    """POST with the file as the body.

    /admin/card-imports?sku=&unit_cost=&source=&expires_on=&supplier_code=&reference=&note=
    &quarantine=&encoding=&dry_run=&all_or_nothing= answers with the report, or with a job when the
    file is large; /admin/imports/cards with the same, /admin/imports/products?table=&approve= and
    /admin/imports/prices always answer with a job.
    """
    return [
        Route("/admin/card-imports", door(config, "card_import", _cards), methods=["POST"]),
        Route("/admin/imports/{kind}", door(config, "import", _job), methods=["POST"]),
    ]


async def _cards(request: Request, actor: Actor) -> Response:
    actor.require_scope("cards:write")  # before a single byte of the file is taken
    wish = _card_wish(request)
    body = _body(request, MAX_BYTES)
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
    return await _received(request, upload, _body(request, most), b"")


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


KINDS: dict[str, Callable[[Request, Actor], Awaitable[tuple[bulk.Upload, int]]]] = {
    "cards": _begin_cards,
    "products": _begin_products,
    "prices": _begin_prices,
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


async def _body(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body's pieces, or a refusal as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise RequestRefused("BODY_TOO_LARGE", maximum=most)
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise RequestRefused("BODY_TOO_LARGE", maximum=most)
        yield piece


def _card_wish(request: Request) -> cards.ImportWish:
    given = request.query_params
    expires = given.get("expires_on")
    try:
        expires_on = date.fromisoformat(expires) if expires else None
    except ValueError:
        raise Refused(Invalid(reason="date", field=("expires_on",))) from None
    return cards.ImportWish(
        sku=given.get("sku", ""),
        unit_cost=parse_units(given.get("unit_cost", ""), field=("unit_cost",)),
        source=given.get("source", "upload"),
        expires_on=expires_on,
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
