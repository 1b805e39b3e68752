"""Pages of the simulated payment vendors: one to pay on, and their part of the control desk."""

from html import escape

from adapters.sandbox.gateway_page import STATES, page_of
from adapters.sandbox.protocol import Fault, Trade

MOST_SHOWN = 20
DEEDS = (
    ("pay", "Pay", "支付"),
    ("fail", "Give up, and close the payment", "放弃并关闭"),
    ("twice", "Pay, and send the callback five times", "支付，通知发送五次"),
    ("late", "Pay although the time is over", "超时后支付"),
    ("lost", "Pay, and lose the callback", "支付，丢失通知"),
    ("delay", "Pay, and delay the callback", "支付，延迟通知"),
    ("wrong_amount", "Pay, and tell a wrong amount", "支付，通知金额错误"),
    ("wrong_signature", "Pay, and sign the callback wrongly", "支付，通知签名错误"),
    ("stale", "Pay, and tell it half an hour old", "支付，通知时间过旧"),
    ("forged", "Pay nothing, and send a signed callback", "未支付，发送已签名的通知"),
)
NAMES = {"wechat": "WeChat Pay · 微信支付", "alipay": "Alipay · 支付宝", "stripe": "Stripe"}
_SHOWN_STATES = {"open": "pending", "paid": "paid", "closed": "closed"}


def render(vendor: str, trade: Trade, *, refused: bool = False) -> str:
    """The page of one payment; its buttons while it can be paid."""
    state = _SHOWN_STATES[trade.state]
    english, chinese = STATES[state]
    sorry = (
        '<p class="refused" role="alert">It cannot be paid any more. · 已无法支付。</p>'
        if refused
        else ""
    )
    back = (
        f"<dt>Refunded · 已退款<dd data-testid='refunded'>{yuan(trade.refunded)}"
        if trade.refunds
        else ""
    )
    return page_of(
        f"<h1>{NAMES[vendor]} · simulated · 模拟</h1>"
        f'<p class="amount" data-testid="amount">{yuan(trade.fen)} {escape(trade.currency)}</p>'
        f'<p class="state {state}" data-testid="state" data-state="{state}">'
        f"{english} · {chinese}</p>{sorry}"
        f"<dl><dt>Reference · 商户单号<dd>{escape(trade.reference)}{back}</dl>{_buttons(state)}"
    )


def desk(vendors: dict[str, dict[str, Trade]], faults: dict[str, list[Fault]]) -> str:
    """What the control desk shows of the vendors: open payments, faults, certificates."""
    rows = "".join(
        f"<tr><td>{NAMES[vendor]}<td>"
        f'<a href="/vendors/{vendor}/pay/{escape(trade.reference)}">{escape(trade.reference)}</a>'
        f"<td>{yuan(trade.fen)}<td>{escape(trade.state)}<td>{yuan(trade.refunded)}"
        for vendor, trades in vendors.items()
        for trade in list(trades.values())[: -MOST_SHOWN - 1 : -1]
    )
    waiting = "".join(
        f"<li>{NAMES[vendor]}: {escape(', '.join(each))}" for vendor, each in faults.items() if each
    )
    options = "".join(f'<option value="{name}">{NAMES[name]}</option>' for name in vendors)
    kinds = "".join(f"<option>{fault}</option>" for fault in Fault)
    return (
        "<h2>Payment vendors · 支付渠道模拟</h2>"
        "<p>Each fault spoils one answer. A QR code leads to the payment's page below."
        " 每个故障影响一次应答；二维码指向下方的支付页。</p>"
        f"<ul>{waiting}</ul>"
        '<form method="post" action="/control/vendors/page">'
        f'<label>Vendor · 渠道<select name="vendor">{options}</select></label>'
        f'<label>Fault · 故障<select name="fault">{kinds}</select></label>'
        '<label>Times · 次数<input name="times" value="1" size="4"></label>'
        "<button>Switch on · 打开</button>"
        '<button name="clear" value="1">Switch off · 关闭</button>'
        '<button name="certificate" value="1">New certificate of WeChat Pay · 更换微信平台证书'
        "</button>"
        "</form><table><tr><th>Vendor · 渠道<th>Payment · 支付<th>Amount · 金额<th>State · 状态"
        f"<th>Refunded · 已退款</tr>{rows}</table>"
    )


def yuan(fen: int) -> str:
    """Fen as a text of yuan."""
    return f"{fen // 100}.{fen % 100:02d}"


def _buttons(state: str) -> str:
    if state == "paid":
        return ""
    buttons = "".join(
        f'<button name="deed" value="{value}" data-testid="{value}">{english} · {chinese}</button>'
        for value, english, chinese in DEEDS
        if state == "pending" or value == "late"
    )
    return f'<form method="post">{buttons}</form>'
