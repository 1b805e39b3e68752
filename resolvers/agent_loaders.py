"""Batch loaders of agents and service providers: what they earn, and how it reaches them."""

from functools import cached_property
from uuid import UUID

from domain import (
    admission,
    agents,
    commissions,
    deposits,
    identity,
    payouts,
    promotion,
    providers,
    realname,
    settlement,
    teams,
)
from resolvers.batches import Batch
from resolvers.figures import (
    MembersKey,
    SalesKey,
    fetch_balances,
    fetch_earnings,
    fetch_members,
    fetch_sales,
)


class AgentLoaders:
    """Those of one request that do not hang on who asks: whoever asks has been checked before."""

    @cached_property
    def agents(self) -> "Batch[UUID, agents.Agent | None]":
        """Agents by id, for the back office."""
        return Batch(agents.agents_by_id, None)

    @cached_property
    def logins(self) -> "Batch[UUID, str | None]":
        """The logins behind ids, for the back office."""
        return Batch(identity.logins_of, None)

    @cached_property
    def real_names(self) -> "Batch[UUID, realname.RealNameLevel]":
        """How sure the house is of who users are."""
        return Batch(realname.levels_of, realname.RealNameLevel.NONE)

    @cached_property
    def same_person(self) -> "Batch[UUID, list[UUID]]":
        """Other users whom the checks of names know as the same person."""
        return Batch(realname.others_of, [])

    @cached_property
    def deposits(self) -> "Batch[UUID, deposits.Deposit]":
        """What agents have deposited, and are asked for."""
        return Batch(deposits.deposits_of, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def application_reviews(self) -> "Batch[UUID, list[admission.ApplicationReview]]":
        """The looks at applications."""
        return Batch(admission.reviews_of, [])

    @cached_property
    def commission_balances(self) -> "Batch[UUID, commissions.CommissionBalances]":
        """What agents have of their commissions; each has something or nothing."""
        return Batch(fetch_balances, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def payout_destinations(self) -> "Batch[UUID, payouts.PayoutDestination]":
        """Destinations of payouts; each payout has one."""
        return Batch(payouts.destinations_by_id, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def payout_rows(self) -> "Batch[UUID, payouts.Payout | None]":
        """Payouts by id."""
        return Batch(payouts.payouts_by_id, None)

    @cached_property
    def payout_files(self) -> "Batch[UUID, payouts.FileProgress | None]":
        """How far files for banks are."""
        return Batch(payouts.progress_of, None)

    @cached_property
    def payout_results(self) -> "Batch[UUID, list[payouts.PayoutFileResult]]":
        """What banks gave back of files."""
        return Batch(payouts.results_of, [])

    @cached_property
    def payout_differences(self) -> "Batch[UUID, list[payouts.PayoutRowDifference]]":
        """Rows of banks' results that are not what we have."""
        return Batch(payouts.differences_of, [])

    @cached_property
    def service_providers(self) -> "Batch[UUID, providers.Provider]":
        """Service providers; each contract has one."""
        return Batch(providers.providers_by_id, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def provider_contracts(self) -> "Batch[UUID, list[providers.ProviderContract]]":
        """Contracts of providers."""
        return Batch(providers.contracts_of, [])

    @cached_property
    def provider_terms(self) -> "Batch[UUID, list[providers.ProviderTerms]]":
        """Versions of terms of contracts."""
        return Batch(providers.terms_of, [])

    @cached_property
    def provider_accounts(self) -> "Batch[UUID, list[providers.ProviderAccount]]":
        """Accounts of providers, masked."""
        return Batch(providers.accounts_of, [])

    @cached_property
    def provider_payments(self) -> "Batch[UUID, list[providers.ProviderPayment]]":
        """Payments of statements of providers."""
        return Batch(providers.payments_of, [])

    @cached_property
    def provider_file_progress(self) -> "Batch[UUID, providers.ProviderFileProgress]":
        """How files that pay providers stand; each has payments."""
        return Batch(providers.file_progress_of, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def settlement_totals(self) -> "Batch[UUID, settlement.Totals]":
        """The sums of runs; each run has them."""
        return Batch(settlement.totals_of, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def settlement_proposals(self) -> "Batch[UUID, settlement.Proposal | None]":
        """How the payouts of runs stand."""
        return Batch(settlement.proposals_of, None)

    @cached_property
    def earnings(self) -> "Batch[UUID, commissions.Earnings]":
        """How agents stand; each has earned something or nothing."""
        return Batch(fetch_earnings, None)  # type: ignore[arg-type]  # never missing

    @cached_property
    def team_sales(self) -> "Batch[SalesKey, list[teams.SalesPoint]]":
        """What agents and their teams sold in a time, by day, week or month."""
        return Batch(fetch_sales, [])

    @cached_property
    def team_members(self) -> "Batch[MembersKey, list[teams.MemberSales]]":
        """Through whom."""
        return Batch(fetch_members, [])

    @cached_property
    def promo_figures(self) -> "Batch[UUID, promotion.Figures]":
        """What came of a promotion link."""
        return Batch(promotion.figures_of, promotion.NOTHING)
