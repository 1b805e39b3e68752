"""`kameng payments channel`: a payment channel from a file, its keys from files of their own."""

import asyncio
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from server.connected import connected, operator

if TYPE_CHECKING:
    from domain import payments

console = Console(highlight=False)
commands = typer.Typer(help="Payment channels.", no_args_is_help=True)
FROM_FILE = "@"
_FIELDS = {
    *("code", "adapter", "merchant", "name_zh", "name_en", "base_url", "ways", "currency"),
    *("settings", "secrets", "enabled", "priority", "fee_rate", "fee_fixed"),
}


class ChannelFileUnusable(typer.BadParameter):
    """The file does not describe a channel; the message says where."""


@commands.command("channel")
def save_channel(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
) -> None:
    """Create or change a payment channel as a TOML file describes it.

    A setting or secret that begins with @ is read from the file it names, relative to FILE.
    Example: kameng payments channel wechat.toml
    """
    from domain import payments

    wish = wish_of(file)
    channel = asyncio.run(connected(lambda: payments.save_channel(operator(), wish)))
    console.print(f"{channel.code}: version {channel.version}", markup=False)
    console.print(f"Callbacks / 回调: {payments.callback_url(channel)}", markup=False)


def wish_of(file: Path) -> "payments.ChannelWish":
    """The channel that a file describes, its keys read."""
    from domain import payments
    from domain.kernel import SCALE

    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ChannelFileUnusable(f"{file} is no TOML: {error}") from None
    if unknown := set(told) - _FIELDS:
        raise ChannelFileUnusable(f"{file} has unknown entries: {', '.join(sorted(unknown))}")
    for name in ("settings", "secrets"):
        if name in told:
            told[name] = _texts(file, name, told[name])
    try:
        for name, scale in (("fee_rate", payments.MILLION), ("fee_fixed", SCALE)):
            told[name] = _whole(told.get(name, "0"), scale)
        told["ways"] = tuple(payments.Way(way) for way in told.get("ways", ()))
        return payments.ChannelWish(**told)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ChannelFileUnusable(f"{file}: {error}") from None


def _whole(value: object, scale: int) -> int:
    """A decimal text such as "0.006" as a count of the smallest parts."""
    scaled = Decimal(str(value)) * scale
    if scaled != int(scaled):
        raise ValueError("too many digits")
    return int(scaled)


def _texts(file: Path, table: str, told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise ChannelFileUnusable(f"[{table}] of {file} must hold texts")
    return {name: _text(file, value) for name, value in told.items()}


def _text(file: Path, value: str) -> str:
    """A text, or what stands in the file that it names; never part of a message."""
    if not value.startswith(FROM_FILE):
        return value
    there = file.parent / value.removeprefix(FROM_FILE)
    try:
        return there.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ChannelFileUnusable(f"{there}, named in {file}, cannot be read") from None
