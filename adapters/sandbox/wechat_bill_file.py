"""The trade bill that the simulator of WeChat Pay hands out."""

from adapters.sandbox.protocol import BEIJING, Trade

_NAMES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
_TOTALS = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)


def bill_of(mchid: str, appid: str, trades: list[Trade]) -> bytes:
    """All payments and refunds, six in a thousand kept as a fee."""
    lines = [_NAMES]
    for trade in trades:
        lines.append(_line(mchid, appid, trade, None))
        lines += [_line(mchid, appid, trade, number) for number in trade.refunds]
    count = len(lines) - 1
    lines += [_TOTALS, f"`{count},`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00"]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def _line(mchid: str, appid: str, trade: Trade, refund: str | None) -> str:
    at = trade.paid_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") if trade.paid_at else ""
    paid = "0.00" if refund else f"{trade.fen / 100:.2f}"
    back = f"{trade.refunds[refund] / 100:.2f}" if refund else "0.00"
    fee = round(-trade.refunds[refund] * 0.006) if refund else round(trade.fen * 0.006)
    values = [
        *(at, appid, mchid, "0", "", trade.provider_id, trade.reference, trade.payer, "NATIVE"),
        *("REFUND" if refund else "SUCCESS", "OTHERS", "CNY", paid, "0.00"),
        *(f"5030{refund}" if refund else "0", refund or "0", back, "0.00"),
        *("ORIGINAL" if refund else "", "SUCCESS" if refund else "", "", ""),
        *(f"{fee / 100:.5f}", "0.60%", paid, back, ""),
    ]
    return ",".join(f"`{value}" for value in values)
