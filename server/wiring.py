"""Where settings become connections and adapters. Only this file and the domain know Tortoise."""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate as run_migrations

from adapters.custody import FileCustody, HttpCustody
from adapters.http import PartnerClient
from adapters.payments import alipay, alipay_bill, stripe, wechat, wechat_bill
from adapters.payments import sandbox as sandbox_payments
from adapters.payouts import alipay as alipay_payouts
from adapters.payouts import bank
from adapters.payouts import sandbox as sandbox_payouts
from adapters.payouts import wechat as wechat_payouts
from adapters.realname import sandbox as sandbox_names
from adapters.suppliers import dayuanren, generic_http, hook, kameng, kashangwl, reloadly
from adapters.transit import TransitKeys
from domain import (
    aftersale,
    agents,
    bonuses,
    bulk,
    cards,
    checkout,
    claims,
    commissions,
    custody,
    deposits,
    fulfilment,
    giftcards,
    identity,
    kernel,
    ledger,
    notifications,
    orders,
    payments,
    payouts,
    penalties,
    pricebook,
    pricing,
    promotion,
    quotes,
    ratings,
    realname,
    refunds,
    replenishment,
    routing,
    settlement,
    sites,
    statements,
    suppliers,
    tiers,
    vault,
)
from domain.kernel.migrating import without_waste
from server import keyfile
from server.settings import Settings

CONTEXTS_WITH_TABLES = (
    "kernel",
    "identity",
    "audit",
    "papers",
    "realname",
    "sites",
    "bulk",
    "ledger",
    "custody",
    "catalog",
    "agents",
    "admission",
    "agreements",
    "deposits",
    "penalties",
    "tiers",
    "cards",
    "vault",
    "cardbook",
    "priceguard",
    "pricing",
    "pricebook",
    "peers",
    "quotes",
    "coupons",
    "suppliers",
    "teams",
    "routing",
    "sourcing",
    "orders",
    "payments",
    "refunds",
    "aftersale",
    "ratings",
    "risk",
    "fulfilment",
    "replenishment",
    "giftcards",
    "commissions",
    "bonuses",
    "cashback",
    "payouts",
    "settlement",
    "promotion",
    "providers",
    "webhooks",
    "claims",
    "notifications",
    "statements",
    "reconciliation",
)
LOCK_TIMEOUT_MS = 3_000
STATEMENT_TIMEOUT_MS = 30_000
TRANSACTION_TIMEOUT_MS = 60_000
# Statements are prepared once and mostly look rows up: planning them again for each purchase costs
# more than running them, and a plan made while tables were small must not read them whole when they
# have grown (docs/decisions/0007).
PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


partners = PartnerClient()  # opens nothing before its first call


class StatelessConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that carries no state from one use to the next, so that nothing is reset.

    Each use is one transaction; settings and locks end with it. The reset that a pool sends would
    cost every purchase a round trip. Who does change a session must change it back.
    """

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


def tortoise_config(
    database_url: str, pool_size: int = 12, application: str = "kameng"
) -> dict[str, Any]:
    """Tortoise's configuration for one database. A host that is a folder is a Unix socket's."""
    url = urlsplit(database_url)
    credentials = {
        "host": unquote(url.hostname or "127.0.0.1"),
        "port": url.port or 5432,
        "user": unquote(url.username or "postgres"),
        "password": unquote(url.password or "") or None,
        "database": url.path.lstrip("/"),
        "minsize": 1,
        "maxsize": pool_size,
        "application_name": application,
        "connection_class": StatelessConnection,
        # The driver prepares a longer statement anew each time, and the purchase's READ is longer.
        "max_cacheable_statement_size": 0,
        "server_settings": {
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "transaction_timeout": str(TRANSACTION_TIMEOUT_MS),
            **PLANNING,
        },
    }
    return {
        "connections": {
            "default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
        },
        "apps": {
            "domain": {
                "models": [f"domain.{context}.models" for context in CONTEXTS_WITH_TABLES],
                "default_connection": "default",
                "migrations": "domain.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(settings: Settings, application: str = "kameng") -> None:
    """Open the domain for this process: keys, adapters, database. `disconnect` ends it."""
    identity.lifetimes.access = timedelta(minutes=settings.access_token_minutes)
    identity.lifetimes.refresh = timedelta(days=settings.refresh_token_days)
    identity.lifetimes.step_up = timedelta(minutes=settings.step_up_minutes)
    here = f"http://{settings.host}:{settings.port}"
    sites.addresses.public = settings.public_url or here
    _limit_vault(settings)
    _limit_payouts(settings)
    payouts.times.public_url = settings.public_url or here
    cards.limits.per_address = settings.unpaid_cards_per_address
    checkout.backlog.most = settings.supplier_backlog_lines
    claims.places.reach = notifications.reaches
    promotion.attribution.window = timedelta(days=settings.promo_days)
    aftersale.windows.dispute = timedelta(days=settings.dispute_days)
    aftersale.windows.appeal = timedelta(days=settings.appeal_days)
    aftersale.windows.decision = timedelta(hours=settings.dispute_decision_hours)
    ratings.ways.rate = timedelta(days=settings.rating_days)
    ratings.ways.edit = timedelta(days=settings.rating_edit_days)
    ratings.ways.texts_wait = settings.rating_texts_wait
    aftersale.alarm.window = timedelta(days=settings.complaint_days)
    aftersale.alarm.percent = settings.complaint_percent
    aftersale.alarm.least = settings.complaint_least
    aftersale.windows.evidence = timedelta(days=settings.evidence_days)
    _limit_supply(settings)
    commissions.calendar.utc_offset = timedelta(hours=settings.business_utc_offset_hours)
    days = settings.account_days
    orders.pace.target = timedelta(seconds=settings.delivery_target_seconds)
    orders.kept.after_close = timedelta(days=days) if days else None
    fulfilment.above.give_back = refunds.refund_undelivered
    fulfilment.above.replacement_came = aftersale.replacement_came
    fulfilment.above.open_elsewhere = replenishment.open_purchases
    fulfilment.above.ask_soon = replenishment.ask_soon
    notifications.allowed.private_addresses = settings.webhook_private_addresses
    suppliers.places.timeout_seconds = settings.supplier_timeout_seconds
    giftcards.limits.face_units = settings.gift_card_face_cap * kernel.SCALE
    giftcards.limits.valid_days = settings.gift_card_valid_days
    payments.places.timeout_seconds = settings.supplier_timeout_seconds
    payments.times.unpaid = timedelta(minutes=settings.unpaid_minutes)
    payments.times.first_query = timedelta(seconds=settings.payment_query_seconds)
    quotes.times.valid = timedelta(minutes=settings.quote_minutes)
    agents.limits.depth = settings.agent_depth
    agents.above.judge_prices = pricebook.refuse_inverted
    realname.provider.name = settings.real_name_provider
    realname.ports.register(
        sandbox_names.NAME,
        sandbox_names.SandboxRegistry(partners, lambda: settings.simulator_url),
    )
    _limit_agents(settings)
    _register_adapters()
    notifications.message_prices.update(
        sms=kernel.parse_units(settings.message_price_sms),
        email=kernel.parse_units(settings.message_price_email),
    )
    custody.custodian.port = _custodian(settings)
    custody.custodian.utc_offset = timedelta(hours=settings.business_utc_offset_hours)
    config = tortoise_config(settings.database_url, settings.pool_size, application)
    await kernel.install_keys(_keys(settings))
    await Tortoise.init(config=config, _enable_global_fallback=True)


def _limit_agents(settings: Settings) -> None:
    """How long agents wait, may answer and appeal, and what their tier brings."""
    deposits.times.hold = timedelta(days=settings.deposit_hold_days)
    penalties.sampling.percent = settings.inspection_percent
    penalties.sampling.utc_offset = timedelta(hours=settings.business_utc_offset_hours)
    penalties.times.answer = timedelta(days=settings.penalty_answer_days)
    penalties.times.appeal = timedelta(days=settings.penalty_appeal_days)
    tiers.times.settle = timedelta(days=settings.tier_settle_days)
    bonuses.times.settle = timedelta(days=settings.bonus_settle_days)
    bonuses.times.utc_offset = timedelta(hours=settings.business_utc_offset_hours)
    bonuses.switches.team = settings.team_awards
    payouts.above.daily_cap = tiers.payout_cap_of
    tiers.place.utc_offset = timedelta(hours=settings.business_utc_offset_hours)
    agents.nearness.address = timedelta(hours=settings.agent_address_hours)


def _register_adapters() -> None:
    statements.register_format(wechat.NAME, wechat_bill.rows_of)
    statements.register_format(alipay.NAME, alipay_bill.rows_of)
    payments.register(sandbox_payments.NAME, sandbox_payments.SandboxGateway(partners))
    payouts.register(alipay_payouts.NAME, alipay_payouts.AlipayTransfers(partners))
    payouts.register(bank.NAME, bank.BankFile())
    payouts.register(wechat_payouts.NAME, wechat_payouts.WechatTransfers(partners))
    payouts.register(sandbox_payouts.NAME, sandbox_payouts.SandboxPayouts(partners))
    payments.register(alipay.NAME, alipay.Alipay(partners))
    payments.register(stripe.NAME, stripe.Stripe(partners))
    payments.register(wechat.NAME, wechat.WechatPay(partners))
    suppliers.register(dayuanren.NAME, dayuanren.Dayuanren(partners))
    suppliers.register(generic_http.NAME, generic_http.GenericHttp(partners))
    suppliers.register(hook.NAME, hook.Hook(partners))
    suppliers.register(kameng.NAME, kameng.Kameng(partners))
    suppliers.register(kashangwl.NAME, kashangwl.Kashangwl(partners))
    suppliers.register(reloadly.NAME, reloadly.Reloadly(partners))
    bulk.register("card_import", cards.work_off_card_import)
    bulk.register("product_import", pricing.work_off_table_import)
    bulk.register("price_import", pricing.work_off_table_import)
    bulk.register("agent_price_import", pricebook.work_off_own_prices)
    bulk.register("ladder_import", pricebook.work_off_ladders)
    bulk.register("settlement", settlement.work_off_settlement)
    bulk.register("statement_import", statements.work_off_statement_import)


def _custodian(settings: Settings) -> custody.CustodyPort | None:
    if settings.custody_url:
        return HttpCustody(
            partners, settings.custody_url, settings.custody_token.get_secret_value()
        )
    return FileCustody(settings.custody_file) if settings.custody_file else None


def _limit_supply(settings: Settings) -> None:
    fulfilment.times.recheck = timedelta(seconds=settings.supplier_recheck_seconds)
    fulfilment.times.alert = timedelta(minutes=settings.uncertain_alert_minutes)
    fulfilment.times.alone_units = settings.give_up_alone * kernel.SCALE
    routing.sources.every = timedelta(seconds=settings.supplier_poll_seconds)
    suppliers.places.open_purchases = fulfilment.open_attempts
    suppliers.places.hold_purchases = (fulfilment.hold_attempts, replenishment.hold_purchases)
    routing.sources.spent = fulfilment.spent_since
    routing.sources.refund_hours = aftersale.settling_hours


def _limit_vault(settings: Settings) -> None:
    vault.limits.reveals_per_day = settings.staff_reveals_per_day
    vault.limits.exports_per_day = settings.card_exports_per_day
    vault.limits.export_life = timedelta(hours=settings.card_export_hours)
    vault.limits.export_canaries = settings.card_export_canaries


def _limit_payouts(settings: Settings) -> None:
    payouts.times.timeout_seconds = settings.supplier_timeout_seconds
    payouts.limits.daily_cap = settings.payout_daily_cap * kernel.SCALE
    payouts.limits.without_approval = settings.payout_without_approval * kernel.SCALE
    payouts.limits.cooling_off = timedelta(hours=settings.payout_cooling_hours)
    payouts.limits.alert = timedelta(minutes=settings.payout_alert_minutes)
    payouts.limits.slow_alert = timedelta(hours=settings.payout_slow_alert_hours)
    payouts.limits.real_name_level = realname.RealNameLevel(settings.payout_real_name_level)


def _keys(settings: Settings) -> kernel.KeyProvider:
    if not settings.kms_url:
        return keyfile.FileKeys(settings.key_file)

    def token() -> str:
        return settings.kms_token_file.read_text().strip()  # renewed by somebody else, so not kept

    service = TransitKeys(partners, settings.kms_url, settings.kms_key, token)
    return keyfile.ServiceKeys(service, settings.key_file)


async def disconnect() -> None:
    """Close the connections of this process: those to partners, and to the database."""
    await partners.close()
    await Tortoise.close_connections()


async def migrate(database_url: str, target: str | None = None) -> None:
    """Bring the database's tables up to date, or to one migration, such as domain.0007_x."""
    config = tortoise_config(database_url, pool_size=1, application="kameng-migrate")
    del config["connections"]["default"]["credentials"]["server_settings"]
    try:
        with without_waste():
            await run_migrations(config=config, target=target)
    finally:
        await Tortoise.close_connections()
    if target is None:
        await _replace_functions(database_url)


async def _replace_functions(database_url: str) -> None:
    """What the database enforces by a table of the code: written anew from that table."""
    functions = ledger.uses_sql()
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(functions)
    finally:
        await conn.close()
