"""The compliance report to hand to counsel: PDF, in Chinese or English (mission row L12)."""

from collections.abc import Callable, Mapping
from datetime import timezone
from types import MappingProxyType

from domain import bulk, commissions
from domain.checkout import CURRENCY
from domain.compliance.report import MOST_PLANS, Guard, Report
from domain.compliance.rules import ComplianceWarning, Plan
from domain.kernel import plain

Say = Callable[[ComplianceWarning], str]
WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": ("合规报告", "Compliance report"),
        "at": ("截至", "As of"),
        "depth": ("新代理可形成的级数", "Levels that new agents may make"),
        "hard_depth": ("任何设置不可超过的级数", "Levels that no setting goes beyond"),
        "agents": ("一、二、三级代理数", "Agents at the levels 1, 2 and 3"),
        "plans": ("方案", "Plans in force or to come"),
        "none": ("没有方案。", "There is none."),
        "warnings": ("请律师确认的事项", "What to ask counsel about"),
        "no_warnings": ("没有。", "Nothing."),
        "guards": ("数据库自身拒绝的约束", "What the database itself refuses"),
        "present": ("有效", "in force"),
        "missing": ("缺失", "MISSING"),
        "whole": ("整体", "All of it"),
        "number": ("序号", "No."),
        "kind": ("类型", "Kind"),
        "scope": ("适用于", "For"),
        "basis": ("计算基数", "Basis"),
        "level": ("级", "Level"),
        "most": ("最高", "At the most"),
        "hold": ("冻结天数", "Days held"),
        "commission": ("佣金", "commission"),
        "tier": ("等级", "tier"),
        "deposit": ("保证金", "deposit"),
        "bonus": ("奖励方案", "bonus"),
        "provider": ("服务商合同", "contract of a provider"),
        "net_price": ("已交付消费者订单的净售价", "net price of what a consumer was delivered"),
        "margin": ("该订单的毛利", "margin of it"),
        "pieces": ("该订单的件数", "pieces of it"),
        "price_difference": ("两级代理价之差", "difference of two agents' prices of it"),
        "settled_sales": ("对消费者的已结算销售额", "settled sales to consumers"),
        "link_sales": ("其中经推广链接的销售额", "of these, by promotion links"),
        "new_customer_sales": ("其中新客户的销售额", "of these, to new customers"),
        "referred_agent_sales": ("被邀请代理的销售额，一次", "of one agent invited, once"),
        "referred_buyer_purchases": ("被推荐买家的购买额，一次", "of one buyer brought, once"),
        "team_sales": (
            "本人与下级对消费者的已结算销售额",
            "of an agent and those below, to consumers",
        ),
        "performance": ("月度绩效奖", "performance award"),
        "promotion": ("推广奖励", "promotion award"),
        "team": ("团队管理奖", "team award"),
        "referral": ("推荐奖励", "referral reward"),
        "of_margin": ("毛利", "margin"),
        "orders": ("无代理参与的已交付订单数", "delivered orders that no agent brought"),
        "service": ("服务费", "fee for services"),
        "refundable": ("可退还，不构成收入", "given back, no income"),
        "default": ("全部商品", "all goods"),
        "category": ("一个类目", "a category"),
        "variant": ("一个规格", "a variant"),
        "silver": ("银牌", "silver"),
        "gold": ("金牌", "gold"),
        "distributor": ("分销商", "distributors"),
        "promoter": ("推广员", "promoters"),
        "corporate": ("企业代理", "corporate agents"),
    }
)
_MORE = (
    f"规则超过 {MOST_PLANS} 条，其余未列出。",
    f"There are more rules than the {MOST_PLANS} listed here.",
)
_FOOT = (
    "无论规则如何设置，一笔销售的全部佣金合计不超过该笔毛利，按比例或金额的佣金还须为平台留下价格保护规定的最低毛利。"
    "本报告列出应向律师确认的事项，不构成法律意见。",
    "Whatever a rule says, all commission of a sale stays within its margin, and what is paid by"
    " percentage or amount leaves the least margin of the price guard. This report says what to ask"
    " counsel, and is no opinion of law.",
)


async def report_pdf(report: Report, language: str, say: Say) -> bytes:
    """The report in `zh` or `en`; `say` tells a warning in it. The same report, the same bytes."""
    return await bulk.as_pdf(_document(report, language, say))


def _document(report: Report, language: str, say: Say) -> bulk.Document:
    zh = language == "zh"
    zone = timezone(commissions.calendar.utc_offset)
    counted = " / ".join(str(count) for count in report.agents_at)
    parts = [_plans(report, zh), _warnings(report, zh, say), _guards(report.guards, zh)]
    return bulk.Document(
        title=_said("title", zh),
        at=report.at,
        language=language,
        pairs=[
            (_said("at", zh), report.at.astimezone(zone).isoformat(" ", "seconds")),
            (_said("depth", zh), str(report.depth)),
            (_said("hard_depth", zh), str(report.hard_depth)),
            (_said("agents", zh), counted),
        ],
        parts=parts,
        foot=[*([_MORE[0 if zh else 1]] if report.more else []), _FOOT[0 if zh else 1]],
    )


def _plans(report: Report, zh: bool) -> bulk.Part:
    if not report.plans:
        return bulk.Part(_said("plans", zh), [(_said("none", zh),)], (1,))
    names = ("number", "kind", "scope", "basis", "level", "most", "hold")
    return bulk.Part(
        _said("plans", zh),
        [_row(number, plan, zh) for number, plan in enumerate(report.plans, 1)],
        (4, 9, 9, 17, 5, 12, 7),
        figures=frozenset({4, 5, 6}),
        heads=tuple(_said(name, zh) for name in names),
    )


def _row(number: int, plan: Plan, zh: bool) -> tuple[str, ...]:
    return (
        str(number),
        _said(plan.kind.value, zh),
        _said(plan.name, zh),
        _said(plan.basis.value, zh),
        _level(plan),
        _most(plan, zh),
        "" if plan.hold is None else str(plan.hold.days),
    )


def _level(plan: Plan) -> str:
    """One level, or of a bonus how many count."""
    if plan.depth is not None:
        return "1" if plan.depth == 1 else f"1-{plan.depth}"
    return "" if plan.level is None else str(plan.level)


def _most(plan: Plan, zh: bool) -> str:
    if plan.most_of_margin is not None and plan.most_percent is not None:
        within = f"{_said('of_margin', zh)} {plan.most_of_margin.normalize():f} %"
        return f"{plan.most_percent.normalize():f} %, {within}"
    if plan.most_percent is not None:
        return f"{plan.most_percent.normalize():f} %"
    return "" if plan.most_each is None else f"{plain(plan.most_each)} {CURRENCY}"


def _warnings(report: Report, zh: bool, say: Say) -> bulk.Part:
    """Each warning once, with the numbers of the plans that it is about."""
    about: dict[ComplianceWarning, list[str]] = {}
    for each in report.warnings:
        about.setdefault(each, []).append(_said("whole", zh))
    for number, plan in enumerate(report.plans, 1):
        for each in plan.warnings:
            about.setdefault(each, []).append(str(number))
    rows = [(", ".join(where), say(each)) for each, where in about.items()]
    return bulk.Part(_said("warnings", zh), rows or [("", _said("no_warnings", zh))], (1, 5))


def _guards(guards: list[Guard], zh: bool) -> bulk.Part:
    rows = [(each.name, _said("present" if each.present else "missing", zh)) for each in guards]
    return bulk.Part(_said("guards", zh), rows, (3, 1))


def _said(word: str, zh: bool) -> str:
    """A word of this page; a name that is none of them is shown as it is."""
    return WORDS[word][0 if zh else 1] if word in WORDS else word
