"""No input of a buyer or a partner says what the house decides (field bug 22)."""

import re

import pytest
from graphql import GraphQLInputObjectType, GraphQLSchema

from schema.documents import RootSchema
from schema.partner import schema as partner
from schema.shop import schema as shop

# Words of what the house decides. Where an input of a buyer or a partner carries one of them all
# the same, it is a limit that only refuses, or a filter that only reads; each is named here.
NAMES = """
price cost total amount balance discount commission currency margin units owner buyer user agent
site tier level role scope scopes status state paid delivered version number
"""
DECIDED_HERE = frozenset(NAMES.split())
ONLY_LIMITS = {
    "MoneyInput.amount": "a value, wherever it stands",
    "MoneyInput.currency": "must be the shop's",
    "OrderCreateInput.expectedTotal": "refuses any other total",
    "OrderLineInput.expectedUnitPrice": "refuses any other price",
    "OrderPlaceInput.maxUnitCost": "refuses a higher price",
    "ProductFilter.priceFrom": "reads",
    "ProductFilter.priceTo": "reads",
    "GiftCardRedeemInput.amount": "no more than is on the card",
    "CommissionToWalletInput.amount": "no more than the caller has earned",
    "WithdrawalRequestInput.amount": "no more than the caller has earned",
    "RealNameSubmitInput.level": "which proof is handed in; somebody else judges it",
    "ObjectionOpenInput.commissionId": "which of the caller's own it is about",
    "AgentInviteCreateInput.tier": "no better than the inviter's own",
    "AgreementAcceptInput.agreementVersionId": "which text is accepted",
    "AgentDepositPayInput.amount": "out of the caller's own wallet",
    "AgentDepositAskBackInput.amount": "no more than the caller has paid",
}
# Proofs of who asks, whose names hold one of the words.
PROOFS = {"number"}


def words(field: str) -> set[str]:
    """What a name is made of."""
    return {word.lower() for word in re.findall(r"[A-Za-z][a-z]*", field)}


def decided(schema: GraphQLSchema) -> set[str]:
    """The fields of inputs that are called like what the house decides."""
    return {
        f"{each.name}.{field}"
        for each in schema.type_map.values()
        if isinstance(each, GraphQLInputObjectType)
        for field in each.fields
        if field not in PROOFS and not DECIDED_HERE.isdisjoint(words(field))
    }


@pytest.mark.parametrize("schema", [shop, partner], ids=["shop", "partner"])
def test_no_input_of_a_buyer_or_a_partner_says_what_the_house_decides(schema: RootSchema) -> None:
    new = decided(schema._schema) - ONLY_LIMITS.keys()
    assert not new, f"{new}: decided by the caller? If it only limits or reads, name it above"
