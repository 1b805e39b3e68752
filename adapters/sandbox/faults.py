"""What a sandbox supplier can do wrong, and which fault is next."""

from enum import StrEnum


class Fault(StrEnum):
    """One way to misbehave at the submission of an order (and, for some, ever after)."""

    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"
    TIMEOUT_BEFORE_ACCEPT = "timeout_before_accept"
    ERROR_BUT_DONE = "5xx_but_done"
    ERROR_THEN_OK = "5xx_then_ok"
    PRICE_CHANGE = "price_change"
    PRICE_IGNORED = "price_ignored"
    STOCK_OUT = "stock_out"
    PARTIAL_DELIVERY = "partial_delivery"
    WRONG_COUNT = "wrong_count"
    SURPLUS = "surplus"
    DUPLICATE_CODE = "duplicate_code"
    GARBAGE = "garbage"
    UNKNOWN_STATE = "unknown_state"
    UNKNOWN_ERROR = "unknown_error"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    INVALID_ACCOUNT = "invalid_account"
    NOT_FOUND_TEMPORARILY = "not_found_temporarily"
    APPEARS_LATE = "appears_late"
    SLOW = "slow"
    ASYNC_DELIVERY = "async_delivery"
    NEVER_FINAL = "never_final"
    REFUND_LATER = "refund_later"
    REFUND_AFTER_SUCCESS = "refund_after_success"
    RATE_LIMITED = "rate_limited"
    AUTH_REVOKED = "auth_revoked"
    LOST_CALLBACK = "lost_callback"
    DUPLICATE_CALLBACK = "duplicate_callback"
    OUT_OF_ORDER_CALLBACK = "out_of_order_callback"
    CONTRADICTORY_CALLBACK = "contradictory_callback"
    FORGED_CALLBACK = "wrong_signature"
    STALE_CALLBACK = "stale_timestamp"
    REPLAYED_CALLBACK = "replayed_nonce"
    OTHER_CALLBACK = "other_connection"
    STATEMENT_MISMATCH = "statement_mismatch"
    LIST_GARBAGE = "list_garbage"
    LIST_HALF = "list_half"
    LIST_LIMITED = "list_rate_limited"


# They are about what is called back, where the order has somebody to call.
CALLBACK_FAULTS = frozenset(
    {
        Fault.LOST_CALLBACK,
        Fault.DUPLICATE_CALLBACK,
        Fault.OUT_OF_ORDER_CALLBACK,
        Fault.CONTRADICTORY_CALLBACK,
        Fault.FORGED_CALLBACK,
        Fault.STALE_CALLBACK,
        Fault.REPLAYED_CALLBACK,
        Fault.OTHER_CALLBACK,
    }
)

# They are about the list of what is sold.
LIST_FAULTS = frozenset({Fault.LIST_GARBAGE, Fault.LIST_HALF, Fault.LIST_LIMITED})

EXPLAINED: dict[Fault, tuple[str, str]] = {
    Fault.TIMEOUT_AFTER_SUCCESS: ("order made, answer never sent", "已下单，但不返回结果"),
    Fault.TIMEOUT_BEFORE_ACCEPT: ("no order, no answer", "未下单，也不返回结果"),
    Fault.ERROR_BUT_DONE: ("order made, answer is 502", "已下单，但返回 502"),
    Fault.ERROR_THEN_OK: ("no order, answer is 503", "未下单，返回 503"),
    Fault.PRICE_CHANGE: ("price has risen by half", "价格上涨一半"),
    Fault.PRICE_IGNORED: ("charges more than the price guard", "无视限价，多收费"),
    Fault.STOCK_OUT: ("rejected: out of stock", "拒绝：缺货"),
    Fault.PARTIAL_DELIVERY: (
        "delivers and charges only a part, also of a top-up",
        "只交付并收取一部分（含直充）",
    ),
    Fault.WRONG_COUNT: ("charges all, one code is missing", "全额收费，少一张卡"),
    Fault.SURPLUS: ("one code too many", "多给一张卡"),
    Fault.DUPLICATE_CODE: ("a code that was sold before", "重复的卡密"),
    Fault.GARBAGE: ("order made, answer is an HTML page", "已下单，返回 HTML 页面"),
    Fault.UNKNOWN_STATE: ("a state nobody knows, for two queries", "未知状态（两次查询）"),
    Fault.UNKNOWN_ERROR: ("an error code nobody knows", "未知错误码"),
    Fault.INSUFFICIENT_BALANCE: ("rejected: our balance there is short", "拒绝：余额不足"),
    Fault.INVALID_ACCOUNT: ("rejected: no such account to top up", "拒绝：充值账号不存在"),
    Fault.NOT_FOUND_TEMPORARILY: ("order made, two queries find nothing", "已下单，两次查询查不到"),
    Fault.APPEARS_LATE: ("order made, eight queries find nothing", "已下单，八次查询查不到"),
    Fault.SLOW: ("answers after a pause", "响应缓慢"),
    Fault.ASYNC_DELIVERY: ("accepted, done at the second query", "先受理，第二次查询完成"),
    Fault.NEVER_FINAL: ("accepted, never done", "受理后永不完成"),
    Fault.REFUND_LATER: ("accepted, then refunded", "受理后退款"),
    Fault.REFUND_AFTER_SUCCESS: ("delivered, then refunded", "成功后又退款"),
    Fault.RATE_LIMITED: ("429, nothing done", "限流 429，未下单"),
    Fault.AUTH_REVOKED: ("401, nothing done", "密钥失效 401，未下单"),
    Fault.LOST_CALLBACK: ("nothing is called back", "不发送回调"),
    Fault.DUPLICATE_CALLBACK: ("five callbacks at once", "同时发送五次回调"),
    Fault.OUT_OF_ORDER_CALLBACK: ("done is told, then running", "先通知成功，再通知处理中"),
    Fault.CONTRADICTORY_CALLBACK: ("failed is told, then done", "先通知失败，再通知成功"),
    Fault.FORGED_CALLBACK: ("a callback signed by somebody else", "回调签名错误"),
    Fault.STALE_CALLBACK: ("a callback of an hour ago", "过期的回调"),
    Fault.REPLAYED_CALLBACK: ("the same callback, nonce and all, twice", "重放的回调"),
    Fault.OTHER_CALLBACK: ("a callback of another customer", "其他商户的回调"),
    Fault.STATEMENT_MISMATCH: ("the statement lies about one order", "对账单有一笔不符"),
    Fault.LIST_GARBAGE: ("the list of goods is an HTML page", "商品列表返回 HTML 页面"),
    Fault.LIST_HALF: ("the list of goods lacks every second one", "商品列表缺一半"),
    Fault.LIST_LIMITED: ("the list of goods: 429", "商品列表限流 429"),
}

# What an item's name alone makes its supplier do, so that the demo shows failover by itself.
BY_ITEM_NAME = {
    "soldout-": Fault.STOCK_OUT,
    "slow-": Fault.TIMEOUT_AFTER_SUCCESS,
    "dearer-": Fault.PRICE_CHANGE,
}


def fault_of_item(item: str) -> Fault | None:
    """The fault that an item's name asks for, if any."""
    for prefix, fault in BY_ITEM_NAME.items():
        if item.startswith(prefix):
            return fault
    return None
