"""Tables that the back office takes away: products, prices, cards without codes, and the rows
that an import left out."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from domain import bulk, cards, catalog, pricing
from domain.kernel import Actor, Invalid, NotFound, Prefix, Refused, decode_id
from schema.locale import negotiate, reason_text
from server.backoffice import NO_STORE, door
from server.settings import Settings

READ_BYTES = 256 * 1024
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def table_routes(config: Settings) -> list[Route]:
    """GET, streamed.

    /admin/exports/{categories|products|variants|prices|cards}?format=csv|xlsx; a workbook of
    products holds all three tables; cards take sku=, batch= and state=.
    /admin/jobs/{id}/problems.csv and /admin/card-batches/{id}/problems.csv
    """
    return [
        Route("/admin/exports/{name}", door(config, "export", _export), methods=["GET"]),
        Route("/admin/jobs/{id}/problems.csv", door(config, "problems", _of_job), methods=["GET"]),
        Route(
            "/admin/card-batches/{id}/problems.csv",
            door(config, "problems", _of_batch),
            methods=["GET"],
        ),
    ]


async def _export(request: Request, actor: Actor) -> Response:
    name, form = request.path_params["name"], request.query_params.get("format", "csv")
    if form not in ("csv", "xlsx"):
        raise Refused(Invalid(reason="table_format", field=("format",)))
    tables = await _tables(request, actor, name)
    if form == "csv":
        found = [table for table in tables if table.name == name]
        return _stream(bulk.as_csv(found[0]), f"{name}.csv", CSV_TYPE)
    folder = tempfile.TemporaryDirectory(prefix="kameng-export-")
    path = Path(folder.name) / "table.xlsx"
    try:
        await bulk.write_workbook(path, tables)
    except BaseException:
        folder.cleanup()
        raise
    return _stream(_pieces(path, folder), f"{name}.xlsx", XLSX_TYPE)


async def _tables(request: Request, actor: Actor, name: str) -> list[bulk.Table]:
    if name in ("categories", "products", "variants"):
        return await catalog.export_catalog(actor)
    if name == "prices":
        return [await pricing.export_prices(actor)]
    if name == "cards":
        return [await cards.list_cards(actor, _card_filter(request))]
    raise Refused(NotFound(what="export"))


def _card_filter(request: Request) -> cards.CardFilter:
    given = request.query_params
    batch, state = given.get("batch"), given.get("state")
    if state is not None and state not in set(cards.CardState):
        raise Refused(Invalid(reason="card_state", field=("state",)))
    return cards.CardFilter(
        given.get("sku"),
        decode_id(Prefix.CARD_BATCH, batch, field=("batch",)) if batch else None,
        cards.CardState(state) if state else None,
    )


async def _of_job(request: Request, actor: Actor) -> Response:
    job = await bulk.get_job(actor, decode_id(Prefix.JOB, request.path_params["id"]))
    return _problems(request, bulk.read_problems(*bulk.subjects_of(job)))


async def _of_batch(request: Request, actor: Actor) -> Response:
    actor.require_scope("cards:read")
    batch = decode_id(Prefix.CARD_BATCH, request.path_params["id"])
    return _problems(request, bulk.read_problems(batch))


def _problems(request: Request, problems: AsyncIterator[bulk.Problem]) -> Response:
    language = negotiate(request.headers.get("accept-language"))

    async def rows() -> AsyncIterator[bulk.OutRow]:
        async for each in problems:
            message = reason_text(each.reason, language)
            yield [each.file, each.line, each.reason, each.text, message]

    table = bulk.Table("problems", ("file", "line", "reason", "text", "message"), rows())
    return _stream(bulk.as_csv(table), "problems.csv", CSV_TYPE)


def _stream(pieces: AsyncIterator[bytes], name: str, kind: str) -> Response:
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, headers=headers, media_type=kind)


async def _pieces(path: Path, folder: "tempfile.TemporaryDirectory[str]") -> AsyncIterator[bytes]:
    """The file, which goes with its folder when all is sent, or nobody listens any more."""
    with folder, path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            yield piece
