"""Every setting, read once, typed. Each has a default that works on a laptop.

Environment variables carry the prefix `KAMENG_`; a `.env` file in the working folder is read too.
`.env.example` lists them all, and a test keeps it equal to this class.
"""

from functools import cache
from pathlib import Path

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
    quote_minutes: int = Field(
        10, ge=1, le=1440, description="How long the prices of a kept quote are locked."
    )
    callbacks_per_minute: int = Field(
        6_000,
        ge=60,
        description="Callbacks that one address may send to one payment channel in a minute; more"
        " are answered 429, and vendors send them again.",
    )
    simulator_port: int = Field(8090, description="Port that the supplier simulator listens on.")
    supplier_timeout_seconds: float = Field(
        8.0, description="Longest wait for a supplier's answer."
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
