"""Looks at the servers before anything starts, and says in words what is wrong with them."""

from urllib.parse import urlsplit

import asyncpg
import redis.asyncio as redis

from server.settings import Settings

CONNECT_SECONDS = 5


class NotReady(Exception):
    """A server cannot be used; the message says which, why, and what to do, in two languages."""


async def check_servers(settings: Settings, *, migrated: bool = True) -> None:
    """Raise `NotReady` unless PostgreSQL (with its tables) and Valkey can be used."""
    await check_database(settings, migrated=migrated)
    await check_valkey(settings)


async def check_database(settings: Settings, *, migrated: bool = True) -> None:
    """Raise `NotReady` unless the database answers, and has our tables when it must."""
    where = place_of(settings.database_url, 5432)
    setting = "KAMENG_DATABASE_URL"
    if not settings.database_url:
        raise NotReady(
            f"{setting} is not set: give the PostgreSQL URL, or run `make demo`, which brings one;"
            " while it runs, `. var/demo.env` tells this shell where it is."
            f"\n没有设置 {setting}：请填写 PostgreSQL 地址，或用 `make demo` 自带数据库；"
            "演示运行时，执行 `. var/demo.env` 即可让命令连到它。"
        )
    try:
        conn = await asyncpg.connect(settings.database_url, timeout=CONNECT_SECONDS)
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise NotReady(
            f"PostgreSQL at {where} refuses the user or the password: correct {setting}."
            f"\nPostgreSQL（{where}）拒绝了用户名或密码：请修改 {setting}。"
        ) from None
    except asyncpg.InvalidCatalogNameError:
        raise NotReady(
            f"PostgreSQL at {where} has no such database: create it, or correct {setting}."
            f"\nPostgreSQL（{where}）没有这个数据库：请先创建，或修改 {setting}。"
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        raise NotReady(
            f"PostgreSQL does not answer at {where} ({type(error).__name__}): is it running, and"
            f" are host and port in {setting} right?"
            f"\nPostgreSQL（{where}）没有响应：请确认它在运行，且 {setting} 的主机和端口正确。"
        ) from None
    try:
        found = await conn.fetchval("SELECT to_regclass('public.outbox_events')")
    finally:
        await conn.close()
    if migrated and found is None:
        raise NotReady(
            f"The database at {where} has no tables yet: run `kameng migrate` first."
            f"\n数据库（{where}）还没有表：请先运行 `kameng migrate`。"
        )


async def check_valkey(settings: Settings) -> None:
    """Raise `NotReady` unless Valkey (or Redis) answers."""
    where = place_of(settings.redis_url, 6379)
    setting = "KAMENG_REDIS_URL"
    if not settings.redis_url:
        raise NotReady(
            f"{setting} is not set: give the Valkey URL, or run `make demo`, which brings one."
            f"\n没有设置 {setting}：请填写 Valkey 地址，或用 `make demo` 自带。"
        )
    try:
        client = redis.Redis.from_url(settings.redis_url, socket_timeout=CONNECT_SECONDS)
        try:
            await client.ping()
        finally:
            await client.aclose()
    except redis.AuthenticationError:
        raise NotReady(
            f"Valkey at {where} refuses the password: correct {setting}."
            f"\nValkey（{where}）拒绝了密码：请修改 {setting}。"
        ) from None
    except (redis.RedisError, OSError, ValueError) as error:
        raise NotReady(
            f"Valkey does not answer at {where} ({type(error).__name__}): is it running, and are"
            f" host and port in {setting} right?"
            f"\nValkey（{where}）没有响应：请确认它在运行，且 {setting} 的主机和端口正确。"
        ) from None


def place_of(url: str, port: int) -> str:
    """Host and port of a URL: the part that may be shown."""
    parts = urlsplit(url)
    try:
        return f"{parts.hostname or '?'}:{parts.port or port}"
    except ValueError:
        return f"{parts.hostname or '?'}:?"
