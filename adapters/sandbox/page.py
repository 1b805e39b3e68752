"""The simulator's control desk as one HTML page, in English and Chinese."""

from html import escape
from urllib.parse import parse_qsl

from adapters.sandbox.book import Book, OrderEntry
from adapters.sandbox.faults import EXPLAINED, Fault
from adapters.sandbox.trade import amount

MAX_SHOWN_ORDERS = 50
MAX_FORM_BYTES = 4_096
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;
color:#1c2330}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde2ea}th{color:#5b6577;
font-weight:500}form{display:flex;gap:.6rem;flex-wrap:wrap;align-items:end}label{display:grid;
font-size:.85rem;color:#5b6577}select,input,button{font:inherit;padding:.35rem .5rem;border:1px
solid #c6cdd8;border-radius:6px;background:#fff;color:inherit}button{background:#2348c7;color:#fff;
border-color:#2348c7}.rejected{color:#a33}.completed{color:#1b7a43}
"""


def form_values(body: bytes) -> dict[str, str]:
    """The fields of a sent form."""
    return dict(parse_qsl(body[:MAX_FORM_BYTES].decode(errors="replace")))


def render(book: Book, vendors: str) -> str:
    """The whole page, with what it shows of payment vendors."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        "<title>Supplier simulator · 供应商模拟器</title>"
        f"<style>{_STYLE}</style><h1>Supplier simulator · 供应商模拟器</h1>"
        "<p>Failures on demand for the suppliers of the demo. "
        "按需触发演示供应商的各种故障。</p>"
        f"{_fault_form(book)}{_fault_table(book)}{_balance_table(book)}"
        f"{vendors}{_order_table(book.orders(limit=MAX_SHOWN_ORDERS))}</html>"
    )


def _fault_form(book: Book) -> str:
    suppliers = "".join(f"<option>{escape(code)}</option>" for code in book.balances())
    faults = "".join(
        f'<option value="{fault}">{fault}: {EXPLAINED[fault][0]} · {EXPLAINED[fault][1]}</option>'
        for fault in Fault
    )
    return (
        "<h2>Switch a fault on · 打开故障</h2>"
        '<form method="post" action="/control/page">'
        f'<label>Supplier · 供应商<select name="supplier">{suppliers}</select></label>'
        f'<label>Fault · 故障<select name="fault">{faults}</select></label>'
        "<label>Times, empty: for ever · 次数（空为一直）"
        '<input name="times" value="1" size="4"></label>'
        '<label>Item, empty: all · 商品（空为全部）<input name="item"></label>'
        "<button>Switch on · 打开</button></form>"
    )


def _fault_table(book: Book) -> str:
    rows = "".join(
        f"<tr><td>{escape(row['supplier'])}<td>{escape(row['fault'])}"
        f"<td>{escape(row['item'] or '*')}<td>{'∞' if row['times'] is None else row['times']}"
        f"<td>{row['probability']}<td>{row['fired']}"
        for row in book.faults()
    )
    return (
        "<h2>Faults · 故障</h2><table><tr><th>Supplier · 供应商<th>Fault · 故障<th>Item · 商品"
        f"<th>Left · 剩余<th>Chance · 概率<th>Fired · 已触发</tr>{rows}</table>"
        '<form method="post" action="/control/page"><input type="hidden" name="clear" value="1">'
        "<button>Switch all off · 全部关闭</button></form>"
    )


def _balance_table(book: Book) -> str:
    rows = "".join(
        f"<tr><td>{escape(code)}<td>{amount(units)}" for code, units in book.balances().items()
    )
    return (
        "<h2>Balances · 余额</h2><table><tr><th>Supplier · 供应商<th>Balance · 余额</tr>"
        f"{rows}</table>"
    )


def _order_table(orders: list[OrderEntry]) -> str:
    rows = "".join(
        f"<tr><td>{escape(order.supplier)}<td>{escape(order.reference)}<td>{escape(order.item)}"
        f'<td>{order.quantity}<td class="{escape(order.state)}">{escape(order.state)}'
        f" {escape(order.error or '')}<td>{amount(order.charged)}<td>{len(order.codes)}"
        f"<td>{order.submissions}"
        for order in orders
    )
    return (
        "<h2>Latest orders · 最新订单</h2><table><tr><th>Supplier · 供应商<th>Reference · 单号"
        "<th>Item · 商品<th>Quantity · 数量<th>State · 状态<th>Charged · 扣款<th>Codes · 卡密数"
        f"<th>Submitted · 提交次数</tr>{rows}</table>"
    )
