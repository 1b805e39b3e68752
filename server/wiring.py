"""Where settings become connections and adapters. Only this file and the domain know Tortoise."""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate as run_migrations

from adapters.http import PartnerClient
from adapters.payments import alipay, stripe, wechat
from adapters.payments import sandbox as sandbox_payments
from adapters.suppliers import dayuanren, generic_http, hook, kameng, kashangwl, reloadly
from adapters.transit import TransitKeys
from domain import (
    aftersale,
    bulk,
    cards,
    claims,
    fulfilment,
    giftcards,
    identity,
    kernel,
    notifications,
    payments,
    pricing,
    quotes,
    refunds,
    suppliers,
    vault,
)
from domain.kernel.migrating import without_waste
from server import keyfile
from server.settings import Settings

CONTEXTS_WITH_TABLES = (
    "kernel",
    "identity",
    "audit",
    "sites",
    "bulk",
    "ledger",
    "catalog",
    "agents",
    "cards",
    "vault",
    "cardbook",
    "pricing",
    "quotes",
    "suppliers",
    "routing",
    "orders",
    "payments",
    "refunds",
    "aftersale",
    "risk",
    "fulfilment",
    "giftcards",
    "commissions",
    "webhooks",
    "claims",
    "notifications",
    "reconciliation",
)
LOCK_TIMEOUT_MS = 3_000
STATEMENT_TIMEOUT_MS = 30_000
TRANSACTION_TIMEOUT_MS = 60_000
# Statements are prepared once and mostly look rows up: planning them again for each purchase costs
# more than running them, and a plan made while tables were small must not read them whole when they
# have grown (docs/decisions/0007).
PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


_client = PartnerClient()  # opens nothing before its first call


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
    claims.places.public_url = settings.public_url or here
    _limit_vault(settings)
    claims.places.reach = notifications.reaches
    aftersale.windows.dispute = timedelta(days=settings.dispute_days)
    aftersale.windows.appeal = timedelta(days=settings.appeal_days)
    aftersale.windows.decision = timedelta(hours=settings.dispute_decision_hours)
    fulfilment.above.give_back = refunds.refund_undelivered
    notifications.allowed.private_addresses = settings.webhook_private_addresses
    suppliers.places.public_url = settings.public_url or here
    suppliers.places.timeout_seconds = settings.supplier_timeout_seconds
    giftcards.limits.face_units = settings.gift_card_face_cap * kernel.SCALE
    giftcards.limits.valid_days = settings.gift_card_valid_days
    payments.places.public_url = settings.public_url or here
    payments.places.timeout_seconds = settings.supplier_timeout_seconds
    payments.times.unpaid = timedelta(minutes=settings.unpaid_minutes)
    payments.times.first_query = timedelta(seconds=settings.payment_query_seconds)
    quotes.times.valid = timedelta(minutes=settings.quote_minutes)
    payments.register(sandbox_payments.NAME, sandbox_payments.SandboxGateway(_client))
    payments.register(alipay.NAME, alipay.Alipay(_client))
    payments.register(stripe.NAME, stripe.Stripe(_client))
    payments.register(wechat.NAME, wechat.WechatPay(_client))
    suppliers.register(dayuanren.NAME, dayuanren.Dayuanren(_client))
    suppliers.register(generic_http.NAME, generic_http.GenericHttp(_client))
    suppliers.register(hook.NAME, hook.Hook(_client))
    suppliers.register(kameng.NAME, kameng.Kameng(_client))
    suppliers.register(kashangwl.NAME, kashangwl.Kashangwl(_client))
    suppliers.register(reloadly.NAME, reloadly.Reloadly(_client))
    bulk.register("card_import", cards.work_off_card_import)
    bulk.register("product_import", pricing.work_off_table_import)
    bulk.register("price_import", pricing.work_off_table_import)
    config = tortoise_config(settings.database_url, settings.pool_size, application)
    await kernel.install_keys(_keys(settings))
    await Tortoise.init(config=config, _enable_global_fallback=True)


def _limit_vault(settings: Settings) -> None:
    vault.limits.reveals_per_day = settings.staff_reveals_per_day
    vault.limits.exports_per_day = settings.card_exports_per_day
    vault.limits.export_life = timedelta(hours=settings.card_export_hours)
    vault.limits.export_canaries = settings.card_export_canaries


def _keys(settings: Settings) -> kernel.KeyProvider:
    if not settings.kms_url:
        return keyfile.FileKeys(settings.key_file)

    def token() -> str:
        return settings.kms_token_file.read_text().strip()  # renewed by somebody else, so not kept

    service = TransitKeys(_client, settings.kms_url, settings.kms_key, token)
    return keyfile.ServiceKeys(service, settings.key_file)


async def disconnect() -> None:
    """Close the connections of this process: those to partners, and to the database."""
    await _client.close()
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
