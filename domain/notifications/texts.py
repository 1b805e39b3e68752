"""What is said when a site has no template of its own."""

from collections.abc import Mapping
from types import MappingProxyType

from domain import penalties
from domain.claims import CHALLENGED
from domain.giftcards import REDEEMED
from domain.notifications.models import Medium
from domain.notifications.rules import Text
from domain.orders import events

_LONG: Mapping[tuple[str, str], Text] = MappingProxyType(
    {
        (events.DELIVERED, "zh"): Text(
            "{site}：订单 {number} 已发货",
            "您的订单 {number} 已发货：\n{products}\n\n"
            "点击以下链接查看卡密（仅可领取一次，请勿转发）：\n{link}",
        ),
        (events.DELIVERED, "en"): Text(
            "{site}: order {number} is delivered",
            "Your order {number} is delivered:\n{products}\n\n"
            "This link shows your cards. It can be claimed once; do not pass it on:\n{link}",
        ),
        (events.PARTIALLY_DELIVERED, "zh"): Text(
            "{site}：订单 {number} 部分发货",
            "您的订单 {number} 已部分发货，其余款项已退回余额：\n{products}\n\n"
            "点击以下链接查看卡密（仅可领取一次，请勿转发）：\n{link}",
        ),
        (events.PARTIALLY_DELIVERED, "en"): Text(
            "{site}: order {number} is delivered in part",
            "Your order {number} is delivered in part; the rest was refunded:\n{products}\n\n"
            "This link shows your cards. It can be claimed once; do not pass it on:\n{link}",
        ),
    }
)
_SHORT: Mapping[tuple[str, str], Text] = MappingProxyType(
    {
        (events.DELIVERED, "zh"): Text(
            "订单 {number}", "【{site}】订单 {number} 已发货：{products}"
        ),
        (events.DELIVERED, "en"): Text(
            "Order {number}", "{site}: order {number} is delivered: {products}"
        ),
        (events.PARTIALLY_DELIVERED, "zh"): Text(
            "订单 {number}", "【{site}】订单 {number} 部分发货，其余已退款：{products}"
        ),
        (events.PARTIALLY_DELIVERED, "en"): Text(
            "Order {number}", "{site}: order {number} is delivered in part, the rest refunded"
        ),
        (events.DELIVERY_FAILED, "zh"): Text(
            "订单 {number} 已退款", "【{site}】订单 {number} 无法发货，{total} 已退回余额。"
        ),
        (events.DELIVERY_FAILED, "en"): Text(
            "Order {number} is refunded",
            "{site}: order {number} could not be delivered; {total} went back to your balance.",
        ),
        (events.REFUNDED, "zh"): Text(
            "订单 {number} 已退款", "【{site}】订单 {number} 已退款 {amount}，{way}。"
        ),
        (events.REFUNDED, "en"): Text(
            "Order {number}: {amount} refunded",
            "{site}: {amount} of order {number} was refunded {way}.",
        ),
        (events.DISPUTE_DECIDED, "zh"): Text(
            "订单 {number} 售后结果", "【{site}】订单 {number} 的售后已处理：{outcome}。"
        ),
        (events.DISPUTE_DECIDED, "en"): Text(
            "Order {number}: your complaint",
            "{site}: your complaint about order {number}: {outcome}.",
        ),
        (REDEEMED, "zh"): Text(
            "礼品卡 {number} 已核销",
            "【{site}】您购买的礼品卡 {number} 已核销 {amount}，剩余 {left}。如有疑问请联系我们。",
        ),
        (REDEEMED, "en"): Text(
            "Gift card {number} was used",
            "{site}: {amount} of the gift card {number} that you bought was used, {left} is left.",
        ),
        (penalties.NOTICED, "zh"): Text(
            "代理 {agent}：处罚通知",
            "【{site}】代理账户 {agent} 涉嫌{violation}，拟处理：{step}。"
            "请在 {until} 前登录查看证据并答复。",
        ),
        (penalties.NOTICED, "en"): Text(
            "Agent {agent}: a case was opened",
            "{site}: a case was opened against the agent account {agent}: {violation}. "
            "Proposed: {step}. Sign in to see the evidence, and answer until {until}.",
        ),
        (penalties.IMPOSED, "zh"): Text(
            "代理 {agent}：处罚决定",
            "【{site}】针对代理账户 {agent} 的案件已决定：{step}。"
            "如有异议，请在 {until} 前登录申诉。",
        ),
        (penalties.IMPOSED, "en"): Text(
            "Agent {agent}: the case was decided",
            "{site}: the case against the agent account {agent} was decided: {step}. You "
            "may sign in and appeal until {until}.",
        ),
        (penalties.DISMISSED, "zh"): Text(
            "代理 {agent}：案件撤销",
            "【{site}】针对代理账户 {agent} 的案件不成立，已撤销，不作任何处理。",
        ),
        (penalties.DISMISSED, "en"): Text(
            "Agent {agent}: the case was dismissed",
            "{site}: the case against the agent account {agent} was dismissed; nothing "
            "follows from it.",
        ),
        (penalties.UPHELD, "zh"): Text(
            "代理 {agent}：申诉结果",
            "【{site}】代理账户 {agent} 的申诉未通过，维持：{step}。",
        ),
        (penalties.UPHELD, "en"): Text(
            "Agent {agent}: your appeal",
            "{site}: the appeal of the agent account {agent} did not succeed; it stays at: {step}.",
        ),
        (penalties.OVERTURNED, "zh"): Text(
            "代理 {agent}：申诉结果",
            "【{site}】代理账户 {agent} 的申诉成立，原处罚已撤销，已扣除的款项已退回。",
        ),
        (penalties.OVERTURNED, "en"): Text(
            "Agent {agent}: your appeal",
            "{site}: the appeal of the agent account {agent} succeeded; the penalty is "
            "undone, and what was deducted is back.",
        ),
        (CHALLENGED, "zh"): Text(
            "{site} 验证码",
            "【{site}】领取卡密的验证码：{code}，{minutes} 分钟内有效。请勿告诉他人。",
        ),
        (CHALLENGED, "en"): Text(
            "{site}: your code",
            "{site}: {code} is your code to claim cards, good for {minutes} minutes. Tell nobody.",
        ),
    }
)


# Where the money of a refund goes, within the sentence of its text.
WAYS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("CHANNEL", "zh"): "将原路退回",
        ("CHANNEL", "en"): "the way you paid",
        ("WALLET", "zh"): "已退回余额",
        ("WALLET", "en"): "to your balance",
    }
)
# How a case ended, within the sentence of its text.
OUTCOMES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("REPLACED", "zh"): "已换货",
        ("REPLACED", "en"): "it was replaced",
        ("REFUNDED", "zh"): "已退款",
        ("REFUNDED", "en"): "it was refunded",
        ("REJECTED", "zh"): "未通过，可在期限内申诉",
        ("REJECTED", "en"): "it was rejected; you may appeal for some days",
        ("UPHELD", "zh"): "申诉未通过",
        ("UPHELD", "en"): "it was looked at again, and stays rejected",
    }
)


def own_text(event: str, medium: Medium, language: str, *, has_cards: bool = True) -> Text:
    """Our own words: short ones where length costs, where many read them, where nothing opens."""
    if has_cards and medium is Medium.EMAIL and (event, language) in _LONG:
        return _LONG[event, language]
    return _SHORT[event, language]
