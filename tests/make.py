"""Makers of objects with honest defaults. A test names only what it is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID

from adapters.sandbox.simulator import sandbox_secret
from domain import cards, catalog, giftcards, identity, ledger, suppliers, webhooks
from domain.agents.models import Agent, AgentStatus, AgentType, Tier
from domain.cards.models import Card
from domain.catalog.models import (
    Category,
    DeliveryKind,
    ListingStatus,
    Product,
    Variant,
    VariantStatus,
)
from domain.catalog.plain import plain_type_id
from domain.commissions.models import CommissionRule, RuleKind, RuleScope
from domain.identity.models import SecondFactor, Session, User, UserRole
from domain.kernel import (
    SCALE,
    Actor,
    ActorKind,
    Money,
    clock,
    connection,
    new_id,
    plain,
    seal_small,
    transaction,
)
from domain.ledger import AccountKind
from domain.pricing.models import Price
from domain.realname.models import RealName, RealNameCase, RealNameLevel, RealNameState
from domain.realname.service import PURPOSE as NAME_PURPOSE
from domain.suppliers.models import Supplier, SupplierOffer, SupplierState

CNY = "CNY"
_numbers = count(1)

OPERATOR = Actor(
    kind=ActorKind.OPERATOR, user_id=UUID(int=1), scopes=frozenset({"*"}), ip="127.0.0.1"
)


def yuan(amount: int | str) -> int:
    """Units from whole yuan, or from a decimal text."""
    whole, _, rest = str(amount).partition(".")
    return int(whole) * SCALE + int(rest.ljust(4, "0") or 0)


async def user(
    login: str = "", role: UserRole = UserRole.BUYER, referrer: UUID | None = None
) -> User:
    """A login with a wallet; nobody can sign in with its password."""
    made = await User.create(
        login=login or f"user{next(_numbers)}",
        role=role,
        password_hash=None if role is UserRole.GUEST else "!",
        referrer_agent_id=referrer,
        created_at=clock.now(),
    )
    async with transaction() as conn:
        await ledger.open_accounts(conn, [(AccountKind.WALLET, made.id, CNY)])
    return made


def actor_of(who: User) -> Actor:
    """The user as one who asks."""
    return Actor(kind=ActorKind.USER, user_id=who.id)


async def buyer(balance: int = 1_000 * SCALE, referrer: UUID | None = None) -> Actor:
    """A buyer with money in the wallet."""
    made = await user(referrer=referrer)
    if balance:
        await top_up(made.id, balance)
    return actor_of(made)


async def top_up(user_id: UUID, units: int) -> None:
    """Money from outside into a wallet."""
    await ledger.top_up(OPERATOR, user_id, Money(units, CNY), "test", f"topup{next(_numbers)}")


async def agent(
    parent: Agent | None = None,
    tier: Tier = Tier.GOLD,
    agent_type: AgentType = AgentType.DISTRIBUTOR,
) -> Agent:
    """An agent with its login, under a parent or at the top."""
    login = await user()
    number = next(_numbers)
    made = await Agent.create(
        user_id=login.id,
        code=f"AGENT{number}",
        name=f"Agent {number}",
        type=agent_type,
        tier=tier,
        depth=parent.depth + 1 if parent else 1,
        leaf=agent_type is AgentType.PROMOTER,
        parent_id=parent.id if parent else None,
        parent_depth=parent.depth if parent else None,
        parent_leaf=parent.leaf if parent else None,
        status=AgentStatus.ACTIVE,
        created_at=clock.now(),
    )
    async with transaction() as conn:
        await ledger.open_accounts(conn, [(AccountKind.COMMISSION, made.id, CNY)])
    return made


async def real_name(user_id: UUID, level: str = "basic") -> None:
    """The user has passed the real-name check of this level."""
    case_id, moment = new_id(), clock.now()
    digest = case_id.bytes
    async with connection() as conn:
        await conn.execute(
            "INSERT INTO real_name_cases (id, user_id, level, company, state, name_sealed,"
            " number_sealed, number_digest, tries, reason, note, opened_at, decided_at, decided_by)"
            " VALUES ($1, $2, $3, false, 'passed', '', '', $4, 1, '', '', $5, $5, $1)",
            case_id,
            user_id,
            level,
            digest,
            moment,
        )
        await conn.execute(
            "INSERT INTO real_names (user_id, level, company, number_digest, case_id, reached_at)"
            " VALUES ($1, $2, false, $3, $4, $5)",
            user_id,
            level,
            digest,
            case_id,
            moment,
        )


async def agent_chain() -> list[Agent]:
    """Three agents, the top one first: gold, silver, bronze."""
    top = await agent(tier=Tier.GOLD)
    middle = await agent(top, Tier.SILVER)
    return [top, middle, await agent(middle, Tier.BRONZE)]


async def product(status: ListingStatus = ListingStatus.APPROVED) -> Product:
    """A product on a shelf of its own."""
    number, moment = next(_numbers), clock.now()
    shelf = await Category.create(
        slug=f"shelf{number}", name_zh=f"分类{number}", name_en=f"Shelf {number}"
    )
    return await Product.create(
        slug=f"product{number}",
        category=shelf,
        name_zh=f"商品{number}",
        name_en=f"Product {number}",
        status=status,
        reviewed_at=moment,
        created_at=moment,
        updated_at=moment,
    )


async def variant(
    *,
    price: int = 49 * SCALE,
    tier_prices: dict[Tier, int] | None = None,
    cards: int = 0,
    unit_cost: int = 40 * SCALE,
    of: Product | None = None,
    **changes: object,
) -> Variant:
    """A card variant with a retail price and, if wanted, tier prices and cards in stock."""
    moment = clock.now()
    kind = DeliveryKind(str(changes.get("delivery_kind", "CARD_CODE")))
    values: dict[str, object] = {
        "product": of or await product(),
        "sku": f"SKU-{next(_numbers)}",
        "name_zh": "五十元",
        "name_en": "50 yuan",
        "delivery_kind": kind,
        "type_id": plain_type_id(kind),
        "status": VariantStatus.ACTIVE,
        "updated_at": moment,
    }
    made = await Variant.create(**{**values, **changes})
    prices = {Tier.RETAIL: price, **(tier_prices or {})}
    for tier, amount in prices.items():
        await Price.create(
            variant_id=made.id, tier=tier.value, currency=CNY, amount=amount, updated_at=moment
        )
    if cards:
        await stock(made, cards, unit_cost)
    return made


async def stock(of: Variant, quantity: int, unit_cost: int = 40 * SCALE) -> list[Card]:
    """Sealed cards on the shelf, imported as an operator would."""
    file = cards.card_file("", "CODE-????-####-####", count=quantity, seed=f"{next(_numbers)}")
    wish = cards.ImportWish(of.sku, unit_cost, "test")
    report = await cards.import_cards(OPERATOR, wish, file)
    assert report.accepted == quantity
    return await Card.filter(batch_id=report.batch_id).order_by("id")


async def hold(of: Variant, quantity: int = 1, by: Actor | None = None) -> cards.CardHold:
    """Cards of a variant, held by a buyer for an hour."""
    holder = by or await buyer()
    wish = cards.HoldWish(of.id, quantity, clock.now() + timedelta(hours=1))
    async with transaction() as conn:
        return await cards.reserve_cards(conn, holder, wish)


async def rule(
    level: int,
    kind: RuleKind,
    value: int = 0,
    scope: RuleScope = RuleScope.DEFAULT,
    of: UUID | None = None,
    **changes: object,
) -> CommissionRule:
    """A commission rule in force; made `for_agent` it is for no level."""
    for_agent = changes.pop("for_agent", None)
    changes.setdefault("version", await CommissionRule.all().count() + 1)
    return await CommissionRule.create(
        scope=scope,
        scope_id=of,
        level=None if for_agent else level,
        agent_id=for_agent,
        kind=kind,
        value=value,
        **{"valid_from": clock.now(), **changes},
    )


async def backdate_commissions(**time: int) -> None:
    """All commissions were earned so much earlier."""
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past the trigger
        await conn.execute(
            "UPDATE commissions SET release_at = release_at - $1::interval", timedelta(**time)
        )


async def hurry_payouts() -> None:
    """What is asked about later is asked about now, as if it had been sent long ago."""
    async with transaction() as conn:
        await conn.execute(
            "UPDATE payouts SET next_try_at = now(),"
            " submitted_at = submitted_at - interval '1 hour' WHERE next_try_at IS NOT NULL"
        )


async def offer(of: Variant, cost: int, code: str = "", priority: int = 100) -> SupplierOffer:
    """An offer of a supplier that nobody answers for."""
    number, moment = next(_numbers), clock.now()
    supplier = await Supplier.create(
        code=code or f"supplier{number}",
        name=f"Supplier {number}",
        adapter="none",
        base_url="http://127.0.0.1:9",
        secret_sealed=b"",
        state=SupplierState.ACTIVE,
        created_at=moment,
    )
    async with transaction() as conn:
        await ledger.open_accounts(conn, [(AccountKind.SUPPLIER, supplier.id, CNY)])
    return await SupplierOffer.create(
        supplier=supplier,
        variant_id=of.id,
        item=f"item{number}",
        cost=cost,
        currency=CNY,
        priority=priority,
        updated_at=moment,
    )


async def token(actor: Actor) -> str:
    """An access token of a user, without the price of a password."""
    signed_in = await identity.open_session(await User.get(id=actor.require_user()), "test")
    return signed_in.access_token


async def operator(*scopes: str, stepped_up: bool = True) -> Actor:
    """An operator with a session; `stepped_up`: who has just shown a second factor."""
    made = await user(role=UserRole.OPERATOR)
    made.scopes = list(scopes)
    await made.save()
    signed_in = await identity.open_session(made, "test")
    actor = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert actor is not None
    if stepped_up:
        await step_up(actor)
    return actor


async def proven_name(who: User, name: str, level: RealNameLevel = RealNameLevel.BASIC) -> None:
    """A user whose name a provider has confirmed, as a case that passed would leave it."""
    case_id, moment = new_id(), clock.now()
    digest = case_id.bytes
    await RealNameCase.create(
        id=case_id,
        user_id=who.id,
        level=level,
        company=False,
        state=RealNameState.PASSED,
        name_sealed=seal_small(NAME_PURPOSE, name, str(case_id)),
        number_sealed=seal_small(NAME_PURPOSE, "110101199003070000", str(case_id)),
        number_digest=digest,
        opened_at=moment,
        decided_at=moment,
        decided_by=OPERATOR.user_id,
    )
    await RealName.filter(user_id=who.id).delete()
    await RealName.create(
        user_id=who.id,
        level=level,
        company=False,
        number_digest=digest,
        case_id=case_id,
        reached_at=moment,
    )


async def session_of(who: User) -> Actor:
    """A login with a session that has just shown a second factor."""
    signed_in = await identity.open_session(who, "test")
    actor = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert actor is not None
    await step_up(actor)
    return actor


async def step_up(actor: Actor) -> None:
    """The session has just shown a second factor, without the price of one."""
    moment = clock.now()
    await SecondFactor.create(
        user_id=actor.require_user(), secret_sealed=b"", created_at=moment, confirmed_at=moment
    )
    await Session.filter(id=actor.session_id).update(stepped_up_at=moment)


async def step_up_again(actor: Actor) -> None:
    """The session has shown its second factor once more, just now."""
    await Session.filter(id=actor.session_id).update(stepped_up_at=clock.now())


def submission(item: str = "item", quantity: int = 1) -> suppliers.Submission:
    """An order for a supplier, as an attempt would send it."""
    return suppliers.Submission(
        reference=f"k{new_id().hex}",
        item=item,
        quantity=quantity,
        max_unit_cost=yuan(100),
        currency=CNY,
        valid_until=clock.now() + timedelta(seconds=20),
    )


async def simulated_offer(
    of: Variant, simulator: str, cost: int, code: str = "alpha", mapping: str = ""
) -> dict[str, str]:
    """An offer of a supplier of the simulator; the row that tells the simulator of its item."""
    item = f"item-{next(_numbers)}"
    wish = suppliers.SupplierWish(
        code, code, "generic_http", f"{simulator}/{code}", sandbox_secret(code)
    )
    await suppliers.save_supplier(OPERATOR, wish)
    names = dict(pair.split("=") for pair in mapping.split("|") if pair)
    offer = suppliers.OfferWish(of.sku, code, item, cost, field_mapping=names)
    await suppliers.save_offer(OPERATOR, offer)
    row = {"supplier_code": code, "supplier_item": item, "cost": plain(cost)}
    return {**row, "field_mapping": mapping}


async def webhook_endpoint(owner: Actor, url: str) -> webhooks.NewEndpoint:
    """An endpoint of a buyer for the start and the end of its orders."""
    actor = replace(owner, scopes=frozenset({"webhooks:write"}))
    wish = webhooks.EndpointWish(url, ["order.paid", "order.delivered", "order.delivery_failed"])
    return await webhooks.create_endpoint(actor, wish)


async def gift_program(
    *, price: int = 100 * SCALE, cards: int = 0, of: Variant | None = None, **changes: object
) -> giftcards.GiftCardProgram:
    """A program of own gift cards of 100 yuan, with a variant for sale and, if wanted, cards."""
    sold = of or await variant(price=price, delivery_kind=DeliveryKind.GIFT_CARD)
    values: dict[str, object] = {
        "name_zh": "礼品卡",
        "name_en": "Gift card",
        "value": giftcards.GiftCardValue.BALANCE,
        "face_units": 100 * SCALE,
    }
    draft = giftcards.ProgramDraft(**{**values, **changes})  # type: ignore[arg-type]
    program = await giftcards.save_program(OPERATOR, draft, sku=sold.sku)
    if cards:
        await giftcards.issue(OPERATOR, program.id, cards, f"issue{next(_numbers)}")
    return program


async def bundle(*parts: catalog.PartDraft, price: int = 100 * SCALE, **changes: object) -> Variant:
    """A bundle for sale that holds these parts."""
    made = await variant(price=price, delivery_kind=DeliveryKind.BUNDLE, **changes)
    await catalog.save_bundle(OPERATOR, made.sku, parts)
    await Product.filter(id=made.product_id).update(status=ListingStatus.APPROVED)
    return made


def money(amount: int | str) -> Money:
    """An amount of yuan."""
    return Money(yuan(amount), CNY)


@contextmanager
def later(**time: int) -> Iterator[None]:
    """The same world so much later, as in `later(days=2)`."""
    moment = clock.now() + timedelta(**time)
    with clock.fixed(lambda: moment):
        yield
