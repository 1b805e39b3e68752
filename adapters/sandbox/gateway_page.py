"""The sandbox gateway's payment page, in English and Chinese."""

from html import escape
from urllib.parse import parse_qsl

from adapters.sandbox.gateway_book import PaymentEntry
from adapters.sandbox.trade import amount

MAX_FORM_BYTES = 1_024
DEEDS = (
    ("pay", "Pay", "支付"),
    ("fail", "Give up, and close the payment", "放弃并关闭"),
    ("twice", "Pay, and send the callback five times", "支付，通知发送五次"),
    ("late", "Pay although the time is over", "超时后支付"),
    ("lost", "Pay, and lose the callback", "支付，丢失通知"),
    ("delay", "Pay, and delay the callback", "支付，延迟通知"),
    ("less", "Pay half of it", "只付一半"),
    ("wrong_amount", "Pay, and tell a wrong amount", "支付，通知金额错误"),
    ("wrong_signature", "Pay, and sign the callback wrongly", "支付，通知签名错误"),
    ("forged", "Pay nothing, and send a signed callback", "未支付，发送已签名的通知"),
)
STATES = {
    "pending": ("Waiting for your payment", "等待支付"),
    "paid": ("Paid", "已支付"),
    "closed": ("Closed", "已关闭"),
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#eef1f7;margin:0;color:#1c2330}
main{max-width:30rem;margin:3rem auto;background:#fff;border-radius:16px;padding:2rem;
box-shadow:0 8px 30px #1c233018}h1{font-size:1.1rem;margin:0;color:#5b6577;font-weight:500}
.amount{font-size:2.6rem;font-weight:650;margin:.4rem 0}.state{display:inline-block;
border-radius:99px;padding:.1rem .8rem;background:#e7ecfb;color:#2348c7}.paid{background:#e2f4e9;
color:#1b7a43}.closed{background:#f7e4e4;color:#a33}dl{display:grid;grid-template-columns:auto 1fr;
gap:.2rem 1rem;font-size:.9rem;color:#5b6577;overflow-wrap:anywhere}dd{margin:0}form{display:grid;
gap:.5rem}button{font:inherit;padding:.6rem;border-radius:10px;border:1px solid #c6cdd8;
background:#fff;cursor:pointer;text-align:left}button[value=pay]{background:#2348c7;color:#fff;
border-color:#2348c7;text-align:center;font-weight:600}.refused{color:#a33}
"""


def form_values(body: bytes) -> dict[str, str]:
    """The fields of a sent form."""
    return dict(parse_qsl(body[:MAX_FORM_BYTES].decode(errors="replace")))


def render(entry: PaymentEntry, *, refused: bool = False) -> str:
    """The page of one payment; its buttons while it can be paid."""
    english, chinese = STATES[entry.state]
    sorry = (
        '<p class="refused" role="alert">It cannot be paid any more. · 已无法支付。</p>'
        if refused
        else ""
    )
    return page_of(
        "<h1>Sandbox payment · 沙箱支付</h1>"
        f'<p class="amount" data-testid="amount">{escape(amount(entry.amount))} '
        f"{escape(entry.currency)}</p>"
        f'<p class="state {escape(entry.state)}" data-testid="state"'
        f' data-state="{escape(entry.state)}">{english} · {chinese}</p>{sorry}'
        f"<dl><dt>Order · 订单<dd>{escape(entry.subject)}<dt>Merchant · 商户"
        f"<dd>{escape(entry.merchant)}</dl>{_buttons(entry)}"
    )


def unknown() -> str:
    """The page of no payment."""
    return page_of("<h1>There is no such payment · 没有此笔支付</h1>")


def _buttons(entry: PaymentEntry) -> str:
    if entry.state == "paid":
        return ""
    buttons = "".join(
        f'<button name="deed" value="{value}" data-testid="{value}">{english} · {chinese}</button>'
        for value, english, chinese in DEEDS
        if entry.state == "pending" or value == "late"
    )
    return f'<form method="post">{buttons}</form>'


def page_of(content: str) -> str:
    """A page around some content."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Sandbox payment · 沙箱支付</title><style>{_STYLE}</style>"
        f"<main>{content}</main></html>"
    )
