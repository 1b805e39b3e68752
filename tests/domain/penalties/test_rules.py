"""The ladder, and what belongs together in a sanction."""

import pytest

from domain.agents import Deed
from domain.kernel import Money
from domain.penalties import PenaltyStep, Sanction
from domain.penalties.rules import is_on_its_rung, sanction_fault
from tests import make

WARNING, DEDUCTION, RESTRICTION, REMOVAL = PenaltyStep


@pytest.mark.parametrize(
    ("ordinal", "grave", "allowed"),
    [
        (1, False, {WARNING}),
        (1, True, {WARNING, DEDUCTION, RESTRICTION}),
        (2, False, {DEDUCTION, RESTRICTION}),
        (2, True, {DEDUCTION, RESTRICTION}),
        (3, False, {REMOVAL}),
        (4, True, {REMOVAL}),
    ],
)
def test_each_violation_has_its_rungs(ordinal: int, grave: bool, allowed: set[PenaltyStep]) -> None:
    assert {step for step in PenaltyStep if is_on_its_rung(step, ordinal, grave=grave)} == allowed


@pytest.mark.parametrize(
    ("sanction", "reason"),
    [
        (Sanction(WARNING), ""),
        (Sanction(REMOVAL), ""),
        (Sanction(DEDUCTION, make.money(1)), ""),
        (Sanction(RESTRICTION, blocks=[Deed.TRADE], days=7), ""),
        (Sanction(DEDUCTION), "penalty_amount"),
        (Sanction(WARNING, make.money(1)), "penalty_amount"),
        (Sanction(DEDUCTION, make.money(0)), "penalty_amount"),
        (Sanction(DEDUCTION, Money(10_000, "USD")), "penalty_amount"),
        (Sanction(DEDUCTION, make.money("0.001")), "amount_not_payable"),
        (Sanction(RESTRICTION, days=7), "penalty_blocks"),
        (Sanction(WARNING, blocks=[Deed.EARN]), "penalty_blocks"),
        (Sanction(RESTRICTION, blocks=[Deed.EARN]), "penalty_days"),
        (Sanction(RESTRICTION, blocks=[Deed.EARN], days=91), "penalty_days"),
        (Sanction(RESTRICTION, blocks=[Deed.EARN], days=0), "penalty_days"),
        (Sanction(REMOVAL, days=7), "penalty_days"),
    ],
)
def test_what_belongs_together(sanction: Sanction, reason: str) -> None:
    fault = sanction_fault(sanction, make.CNY)
    assert (fault.reason if fault else "") == reason
