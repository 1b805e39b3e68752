"""A payment channel described in a file, its keys in files of their own (`kameng payments`)."""

from pathlib import Path

import pytest

from domain import payments
from domain.kernel import Actor, ActorKind
from domain.payments import Way
from server.channels import ChannelFileUnusable, wish_of

OPERATOR = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"*"}))
FILE = """
code = "wechat-main"
adapter = "wechat"
merchant = "1900007291"
name_zh = "微信支付"
name_en = "WeChat Pay"
base_url = "https://api.mch.weixin.qq.com"
ways = ["qr", "in_app"]

[settings]
appid = "wxd678efh567hg6787"
merchant_serial = "5157F09EFDC096DE"
public_key_ids = ""
public_keys = ""
profit_sharing = ""

[secrets]
private_key = "@apiclient_key.pem"
api_v3_key = "@v3"
"""


def written(folder: Path, text: str = FILE) -> Path:
    (folder / "apiclient_key.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n")
    (folder / "v3").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "channel.toml").write_text(text, encoding="utf-8")
    return folder / "channel.toml"


async def test_a_channel_is_kept_as_its_file_says(db: None, tmp_path: Path) -> None:
    channel = await payments.save_channel(OPERATOR, wish_of(written(tmp_path)))
    connection = payments.connection_of(channel)
    assert connection.secrets == {
        "private_key": "-----BEGIN PRIVATE KEY-----\nsecret",
        "api_v3_key": "0123456789abcdef0123456789abcdef",
    }
    assert connection.notify_url == payments.callback_url(channel)
    assert channel.ways == [Way.QR.value, Way.IN_APP.value]
    without = FILE.partition("[secrets]")[0].replace("WeChat Pay", "WeChat")
    again = await payments.save_channel(OPERATOR, wish_of(written(tmp_path, without)))
    assert (again.id, again.version, again.name_en) == (channel.id, 2, "WeChat")
    assert payments.connection_of(again).secrets == connection.secrets


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('code = "', "code = ", "is no TOML"),
        ("merchant =", "merchent =", "merchent"),
        ('"qr"', '"pigeon"', "pigeon"),
        ("@v3", "@nowhere", "nowhere"),
        ('profit_sharing = ""', "profit_sharing = true", "must hold texts"),
        ('adapter = "wechat"\n', "", "adapter"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_its_keys(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    file = written(tmp_path, FILE.replace(old, new, 1))
    with pytest.raises(ChannelFileUnusable) as caught:
        wish_of(file)
    assert told in str(caught.value)
    assert "secret\n" not in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)
