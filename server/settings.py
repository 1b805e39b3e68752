"""Every setting, read once, typed. Each has a default that works on a laptop.

Environment variables carry the prefix `KAMENG_`; a `.env` file in the working folder is read too.
`.env.example` lists them all, and a test keeps it equal to this class.
"""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The installation's settings."""

    model_config = SettingsConfigDict(env_prefix="KAMENG_", env_file=".env", extra="ignore")

    database_url: str = Field(
        "",
        repr=False,  # it holds a password
        description="postgres://user:password@host:port/name. Empty: `demo` starts one under var/.",
    )
    redis_url: str = Field(
        "",
        repr=False,
        description="redis://:password@host:port/0. Empty: `demo` starts one under var/.",
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, description="Port that the API listens on.")
    public_url: str = Field(
        "",
        description="Where visitors reach this shop, such as https://shop.example: claim links of"
        " sites without a host of their own begin with it. Empty: http:// with host and port.",
    )
    promo_target: str = Field(
        "/?promo={code}", description="Where a promotion link of the whole shop leads."
    )
    promo_product_target: str = Field(
        "/card/{product}?promo={code}",
        description="Where a promotion link of a product leads; {product} is its slug.",
    )
    promo_days: int = Field(
        30, ge=1, le=365, description="For how long a promotion link counts after a visit."
    )
    poster_font: str = Field(
        "",
        description="Font file with Chinese letters that posters in PNG are drawn with. Empty: the"
        " first of the usual places (Debian: fonts-noto-cjk). Posters in SVG need none.",
    )
    workers: int = Field(2, description="API processes.")
    pool_size: int = Field(12, description="Database connections per process, at most.")
    environment: str = Field(
        "development",
        description="development or production (no GraphiQL, no introspection).",
    )
    key_file: Path = Field(
        Path("var/keys.json"),
        description="Key-encryption keys (mode 0600), made on first use; keep a copy elsewhere.",
    )
    kms_url: str = Field(
        "",
        description="Transit API of a key service, such as https://bao:8200/v1/transit. Empty: the"
        " keys of the key file are used.",
    )
    kms_key: str = Field("kameng", description="Name of the key in the key service.")
    kms_token_file: Path = Field(
        Path("var/kms-token"), description="File with the token for the key service."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: str = Field("json", description="json or console.")
    access_token_minutes: int = Field(15, description="Life of an access token.")
    refresh_token_days: int = Field(30, description="Life of a refresh token.")
    step_up_minutes: int = Field(
        5, ge=1, le=60, description="How long a second factor counts as fresh."
    )
    staff_reveals_per_day: int = Field(
        20, ge=0, description="Cards an operator may look at alone in 24 hours; above, four eyes."
    )
    card_exports_per_day: int = Field(
        3, ge=0, description="Exports an operator may ask for in 24 hours."
    )
    card_export_hours: int = Field(
        24, ge=1, le=168, description="How long an export's archive waits to be fetched."
    )
    card_export_canaries: int = Field(
        2, ge=0, le=50, description="Cards planted among those of each export; they tell of a leak."
    )
    simulator_url: str = Field(
        "http://127.0.0.1:8090", description="Where the supplier simulator answers."
    )
    unpaid_minutes: int = Field(
        15, ge=1, le=1440, description="How long an order waits for its payment, its cards held."
    )
    payment_query_seconds: int = Field(
        20,
        ge=1,
        le=300,
        description="How long a payment's callback may take before the channel is asked.",
    )
    dispute_days: int = Field(
        7, ge=0, le=365, description="How long a buyer may say that a delivered card is bad."
    )
    appeal_days: int = Field(
        7, ge=0, le=365, description="How long a buyer may appeal against a rejected case."
    )
    dispute_decision_hours: int = Field(
        48, ge=1, le=2160, description="Within which time a case of after-sale is to be decided."
    )
    complaint_days: int = Field(
        7, ge=1, le=92, description="Complaints are counted of what was ordered in so many days."
    )
    complaint_percent: float = Field(
        5.0,
        ge=0,
        le=100,
        description="Share of complained pieces from which on staff is told of a product, supplier,"
        " agent or site. 0: never.",
    )
    complaint_least: int = Field(
        5, ge=1, description="With fewer complaints than this nobody is told, whatever the share."
    )
    evidence_days: int = Field(
        180, ge=1, le=3650, description="How long files of a decided case are kept, then erased."
    )
    business_utc_offset_hours: int = Field(
        8,
        ge=-12,
        le=14,
        description="Where a day of the business begins, as hours before UTC: commissions become"
        " available by whole days of it.",
    )
    account_days: int = Field(
        180,
        ge=0,
        le=3650,
        description="How long what a buyer filled in (phone number, account id) is kept after its"
        " order was closed, then erased. 0: for ever.",
    )
    rating_days: int = Field(
        180, ge=1, le=3650, description="How long after its delivery a line may be rated."
    )
    rating_edit_days: int = Field(
        7,
        ge=0,
        le=365,
        description="How long a rating may be changed, from then or from the end of a case.",
    )
    rating_texts_wait: bool = Field(
        True, description="What a buyer writes in a rating is shown once somebody has read it."
    )
    payout_daily_cap: int = Field(
        50_000, ge=1, description="What one agent may ask to be paid out in a day, in whole units."
    )
    payout_without_approval: int = Field(
        0,
        ge=0,
        description="Payouts up to this many whole units need no approval when nothing speaks"
        " against them. 0: every one does.",
    )
    payout_cooling_hours: int = Field(
        24, ge=0, le=720, description="How long a changed payout destination cannot be used."
    )
    payout_alert_minutes: float = Field(
        60.0,
        gt=0,
        description="How long after it was sent a payout may be without an end before operators are"
        " told, and find it in the queue `payoutCases`.",
    )
    payout_slow_alert_hours: float = Field(
        48.0,
        gt=0,
        description="The same for payouts that a file carries, or that wait for their receiver.",
    )
    payout_real_name_level: Literal["basic", "full"] = Field(
        "basic", description="How well an agent must be known by name to be paid out."
    )
    quote_minutes: int = Field(
        10, ge=1, le=1440, description="How long the prices of a kept quote are locked."
    )
    agent_depth: int = Field(
        2,
        ge=1,
        le=3,
        description="How many levels new agents may make, three at most.",
    )
    agent_address_hours: int = Field(
        24,
        ge=0,
        le=720,
        description="How long a buyer at an address where an agent signed in counts as that agent,"
        " who then earns nothing. 0: never, for shops where agents and customers share one.",
    )
    real_name_provider: str = Field(
        "sandbox", description="Who confirms real names; the sandbox is the simulator's registry."
    )
    deposit_hold_days: int = Field(
        30, ge=0, le=180, description="How long an agent waits for a deposit that it asked back."
    )
    inspection_percent: float = Field(
        5.0,
        ge=0,
        le=100,
        description="Of a hundred active agents, how many are drawn each month to look at what they"
        " do, at least one. 0: none.",
    )
    tier_settle_days: int = Field(
        3, ge=0, le=20, description="How long after a month's end agents are looked at for it."
    )
    bonus_settle_days: int = Field(
        7, ge=1, le=60, description="How long after a month's end its bonuses are worked out."
    )
    team_awards: bool = Field(
        False,
        description="Whether plans may pay agents for what their team sells. Off, until counsel has"
        " agreed; each plan takes two persons besides.",
    )
    penalty_answer_days: int = Field(
        7, ge=1, le=60, description="How long an agent may answer the notice of a case against it."
    )
    penalty_appeal_days: int = Field(
        14, ge=1, le=60, description="How long an agent may appeal against what was imposed."
    )
    callbacks_per_minute: int = Field(
        6_000,
        ge=60,
        description="Callbacks that one address may send to one payment channel, or to one"
        " supplier's connection, in a minute; more are answered 429, and vendors send them again.",
    )
    purchases_at_once: int = Field(
        8,
        ge=1,
        description="Purchases under way in each API process; fewer than KAMENG_POOL_SIZE, so that"
        " everybody else finds a database connection.",
    )
    purchases_waiting: int = Field(
        200, ge=0, description="Purchases that wait for their turn in each API process; 0: none."
    )
    purchase_wait_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="Longest wait for a turn; who would wait longer is refused as SHOP_BUSY.",
    )
    delivery_target_seconds: int = Field(
        30,
        ge=1,
        le=86_400,
        description="How soon after its payment a line should be delivered: what"
        " `deliveryTimes` and `kameng_delivery_in_time` measure against.",
    )
    supplier_backlog_lines: int = Field(
        10_000,
        ge=0,
        description="Paid lines that may wait for a supplier; above, goods that only suppliers"
        " deliver are refused as SHOP_BUSY. 0: any number. Own stock is always sold.",
    )
    unpaid_cards_per_address: int = Field(
        100,
        ge=0,
        description="Unpaid cards held at once for orders from one address (IPv6: one /64). 0: any"
        " number.",
    )
    simulator_port: int = Field(8090, description="Port that the supplier simulator listens on.")
    supplier_timeout_seconds: float = Field(
        8.0, description="Longest wait for a supplier's answer."
    )
    supplier_recheck_seconds: float = Field(
        60.0,
        gt=0,
        description="How long after an order was given up, because its supplier knew nothing of it,"
        " that supplier is asked again; then 5, 25, 125 times as long ...",
    )
    supplier_poll_seconds: float = Field(
        300.0,
        ge=5,
        description="How often each supplier is asked how it is and what we have left there.",
    )
    goods_push_seconds: float = Field(
        5.0,
        ge=1,
        description="How often is looked what changed of the price and stock of goods for partners"
        " that listen to `goods.changed`; what changes in between is told together.",
    )
    uncertain_alert_minutes: float = Field(
        15.0,
        gt=0,
        description="How long a purchase from a supplier may be without an outcome before operators"
        " are told, and find it in the queue `uncertainAttempts`.",
    )
    give_up_alone: int = Field(
        500,
        ge=0,
        description="Up to this amount, in currency units, one operator alone may say that an"
        " uncertain purchase was surely not made; above, four eyes.",
    )
    webhook_timeout_seconds: float = Field(
        10.0, le=20, description="Longest wait for a webhook receiver, at most 20."
    )
    webhook_private_addresses: bool = Field(
        False, description="Allow webhooks to private and loopback addresses. For development only."
    )
    sealer_interval_seconds: float = Field(
        1.0, description="How often the ledger's hash chain is extended."
    )
    relay_interval_seconds: float = Field(1.0, description="Polling interval of the outbox relay.")
    sweep_interval_seconds: float = Field(
        5.0, description="How often due work is looked for again."
    )
    gift_card_face_cap: int = Field(
        1_000, gt=0, description="Highest face value of an own gift card, in currency units."
    )
    gift_card_valid_days: int = Field(
        1_095, gt=0, description="Shortest validity of an own gift card, in days; none is longest."
    )
    custody_file: Path | None = Field(
        None,
        description="CSV file with the columns day, currency and balance: what the custodian of"
        " buyers' money held at each day's end. Empty: there is none.",
    )
    custody_url: str = Field(
        "",
        description="Address of the custodian; GET {url}/{currency}/{day} answers the balance. It"
        " comes before the file. Empty: there is none.",
    )
    custody_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for the custodian's address."
    )
    message_price_sms: Decimal = Field(
        Decimal(0), ge=0, description="What one text message costs, such as 0.045, in CNY."
    )
    message_price_email: Decimal = Field(
        Decimal(0), ge=0, description="What one mail costs, in CNY."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token that /metrics asks for. Empty: loopback callers only.",
    )
    trusted_proxies: str = Field(
        "", description="Comma-separated addresses whose X-Forwarded-For is believed. Empty: none."
    )
    allowed_origins: str = Field(
        "",
        description="Comma-separated origins of other hosts, such as https://shop.example, whose"
        " pages may open a WebSocket. Empty: pages of this host only.",
    )
    live_streams_per_address: int = Field(
        200, gt=0, description="Live subscriptions, and sockets, of one address in each process."
    )
    live_streams_per_user: int = Field(
        50, gt=0, description="Live subscriptions of one user in each process."
    )
    shop_folder: Path = Field(
        Path("frontend-examples/web-shop/dist"),
        description="Built web shop to serve at /, if it is there.",
    )

    @property
    def origins(self) -> list[str]:
        """The allowed origins, one by one."""
        return [each.strip() for each in self.allowed_origins.split(",") if each.strip()]


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()


def env_example() -> str:
    """The text of .env.example: every setting with its default, as a comment to uncomment."""
    lines = [
        "# Every setting of Kameng with its default. Copy this file to .env and uncomment.",
        "",
    ]
    for name, each in Settings.model_fields.items():
        default = each.default
        value = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
        shown = value.lower() if isinstance(default, bool) else value
        lines += [f"# {each.description}", f"#KAMENG_{name.upper()}={shown}", ""]
    return "\n".join(lines)
