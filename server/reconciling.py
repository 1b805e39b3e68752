"""`kameng reconcile` (docs/reconciliation.md)."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from server.connected import connected

console = Console(highlight=False)


def reconcile(
    full: Annotated[
        bool, typer.Option(help="Compare everything from the first day on; reads whole tables.")
    ] = False,
) -> None:
    """Compare the money ledger with the card ledger; exit code 1 when they do not agree.

    Goes on from where the last run stood. Example: kameng reconcile --full
    """
    from domain import cardbook, reconciliation
    from domain.kernel import SYSTEM, page_request, plain
    from domain.reconciliation import FindingState
    from schema.locale import finding_text

    async def work() -> tuple[
        reconciliation.RunReport, list[str], list[reconciliation.ReconciliationFinding]
    ]:
        report = await reconciliation.reconcile(whole=True)
        faults: list[str] = []
        if full:
            report = await reconciliation.recount()
            faults = (await cardbook.verify_folios()).faults
        wanted = page_request("findings", 100, None)
        page = await reconciliation.list_findings(SYSTEM, wanted, FindingState.OPEN)
        return report, faults, list(page.rows)

    report, faults, found = asyncio.run(connected(work))
    for each in found:
        sides = f"{plain(each.money)} / {plain(each.goods)} {each.currency}"
        units = f"units {each.money_units} / {each.goods_units}"
        told = f"{each.day} {each.kind} {each.reference}: {sides}, {units}"
        console.print(told, style="red", markup=False, soft_wrap=True)
        for language in ("en", "zh"):
            text = finding_text(each.kind, language)
            console.print(f"    {text}", markup=False, soft_wrap=True)
    for fault in faults:
        console.print(fault, markup=False)
    console.print(
        f"{report.compared} matters compared, {report.waiting} wait for their other side,"
        f" {report.open} differences are open."
    )
    if report.open or faults:
        raise typer.Exit(1)
    console.print("Both books agree. / 两套账一致。")
