"""Tables that the back office takes away: products, prices, cards without codes, and the rows
that an import left out."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from domain import (
    bulk,
    cards,
    catalog,
    compliance,
    pricebook,
    pricing,
    providers,
    settlement,
    statements,
)
from domain.kernel import Actor, Invalid, NotFound, Prefix, Refused, decode_id
from schema.locale import advice_text, negotiate, problem_text
from server.backoffice import NO_STORE, door
from server.settings import Settings

READ_BYTES = 256 * 1024
CSV_TYPE = "text/csv; charset=utf-8"
PDF_TYPE = "application/pdf"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OF_PRICES: dict[str, Callable[[Actor], Awaitable[bulk.Table]]] = {
    "prices": pricing.export_prices,
    "agent-prices": pricebook.export_own_prices,
    "price-ladders": pricebook.export_price_ladders,
    "volume-ladders": pricebook.export_volume_ladders,
}


def table_routes(config: Settings) -> list[Route]:
    """GET, streamed.

    /admin/exports/{categories|products|variants|prices|agent-prices|price-ladders|volume-ladders|
    cards}?format=csv|xlsx; a workbook of products holds all three tables; cards take sku=, batch=
    and state=; statement-differences take day=, statement-lines day= and one of channel=,
    supplier=, payout=; settlement takes run=.
    /statements/{id}?format=csv|pdf: an agent's statement, for itself or the back office
    /admin/compliance-report.pdf: what counsel asks to see
    /admin/provider-statements/{id}?format=csv|pdf
    /admin/jobs/{id}/problems.csv and /admin/card-batches/{id}/problems.csv
    """
    return [
        Route("/admin/exports/{name}", door(config, "export", _export), methods=["GET"]),
        Route("/statements/{id}", door(config, "statement", _statement), methods=["GET"]),
        Route(
            "/admin/provider-statements/{id}",
            door(config, "statement", _of_provider),
            methods=["GET"],
        ),
        Route("/admin/compliance-report.pdf", door(config, "report", _report), methods=["GET"]),
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
    if name in OF_PRICES:
        return [await OF_PRICES[name](actor)]
    if name == "cards":
        return [await cards.list_cards(actor, _card_filter(request))]
    if name == "statement-differences":
        return [await statements.difference_table(actor, _day(request))]
    if name == "statement-lines":
        party, code = _party(request)
        source = await statements.source_of(party, code)
        return [await statements.line_table(actor, source, _day(request))]
    if name == "settlement":
        run = decode_id(Prefix.SETTLEMENT_RUN, request.query_params.get("run", ""), field=("run",))
        return [await settlement.run_table(actor, run)]
    raise Refused(NotFound(what="export"))


async def _statement(request: Request, actor: Actor) -> Response:
    form = request.query_params.get("format", "csv")
    if form not in ("csv", "pdf"):
        raise Refused(Invalid(reason="statement_file_format", field=("format",)))
    statement_id = decode_id(Prefix.SETTLEMENT_STATEMENT, request.path_params["id"])
    statement = await settlement.get_statement(actor, statement_id)
    if form == "pdf":
        printed = await settlement.statement_pdf(statement, _language(request))
        return _whole(printed, f"statement-{statement.number}.pdf")
    pieces = bulk.as_csv(settlement.statement_table(statement))
    return _stream(pieces, f"statement-{statement.number}.csv", CSV_TYPE)


async def _of_provider(request: Request, actor: Actor) -> Response:
    form = request.query_params.get("format", "csv")
    if form not in ("csv", "pdf"):
        raise Refused(Invalid(reason="statement_file_format", field=("format",)))
    statement_id = decode_id(Prefix.PROVIDER_STATEMENT, request.path_params["id"])
    found = await providers.find_printed(actor, statement_id)
    name = f"provider-statement-{found.number}"
    if form == "pdf":
        return _whole(await providers.statement_pdf(found, _language(request)), f"{name}.pdf")
    return _stream(bulk.as_csv(providers.statement_table(found)), f"{name}.csv", CSV_TYPE)


async def _report(request: Request, actor: Actor) -> Response:
    report, language = await compliance.make_report(actor), _language(request)
    printed = await compliance.report_pdf(
        report, language, lambda each: advice_text(each.value, language)
    )
    return _whole(printed, f"compliance-{report.at:%Y-%m-%d}.pdf")


def _language(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


def _whole(printed: bytes, name: str) -> Response:
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{name}"'}
    return Response(printed, 200, headers, PDF_TYPE)


def _day(request: Request) -> date:
    try:
        return date.fromisoformat(request.query_params.get("day", ""))
    except ValueError:
        raise Refused(Invalid(reason="date", field=("day",))) from None


def _party(request: Request) -> tuple[statements.Party, str]:
    given = request.query_params
    for party in statements.Party:
        if code := given.get(party.lower()):
            return party, code
    raise Refused(Invalid(reason="statement_source", field=("channel",)))


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
    language = _language(request)

    async def rows() -> AsyncIterator[bulk.OutRow]:
        async for each in problems:
            message = problem_text(each.reason, language)
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
