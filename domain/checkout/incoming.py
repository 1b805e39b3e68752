"""Callbacks of payment channels: stored, checked, asked about, and only then believed (row F1).

A callback is a hint, whoever signed it. What it says is compared with what we know of the payment,
and where the channel can be asked, its answer counts and not the callback. Each one that is refused
stands in `payment_callbacks` with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain import payments
from domain.checkout.asking import ask
from domain.checkout.confirming import Confirmed, confirm_payment
from domain.kernel import clock, crash_point
from domain.payments import (
    CallbackOutcome,
    Expected,
    Payment,
    PaymentCallback,
    PaymentChannel,
    PaymentStatus,
    disagreement,
    is_stale,
    judge,
    ports,
)
from domain.payments.ports import Notice, NoticeState, Paid

OUTCOMES = {
    Confirmed.TAKEN: CallbackOutcome.TAKEN,
    Confirmed.SUSPENDED: CallbackOutcome.SUSPENDED,
    Confirmed.DUPLICATE: CallbackOutcome.DUPLICATE,
}
# The vendor need not send these again.
HEARD = frozenset(
    {
        CallbackOutcome.TAKEN,
        CallbackOutcome.SUSPENDED,
        CallbackOutcome.DUPLICATE,
        CallbackOutcome.NOTED,
    }
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the vendor is answered, and whether the callback was kept."""

    reply: ports.Reply
    kept: bool = True


async def take_callback(channel_id: UUID, headers: Mapping[str, str], body: bytes) -> Heard | None:
    """Take in what was called back to a channel; what to answer, or None for no such channel.

    Never refuses: whatever is not believed is recorded with why, and changes no money. Only of what
    comes too often, unsigned or word for word the same, not every one is kept.
    """
    channel = await payments.find_channel(channel_id)
    if channel is None:
        return None
    port = payments.port_of(channel.adapter)
    parsed = await port.parse_callback(payments.connection_of(channel), headers, body)
    if isinstance(parsed, ports.Forged):
        kept = await payments.keep_forged(channel_id, headers, body, parsed.why.value)
        return Heard(port.reply(taken=False), kept)
    before = await payments.heard_too_often(channel_id, body)
    if before is not None:
        return Heard(port.reply(before in HEARD), kept=False)
    callback = await payments.store_callback(channel_id, headers, body)
    crash_point("callbacks.stored")
    outcome = await _judge_notice(channel, callback, parsed)
    crash_point("callbacks.judged")
    return Heard(port.reply(outcome in HEARD))


async def _judge_notice(
    channel: PaymentChannel, callback: PaymentCallback, notice: Notice
) -> CallbackOutcome:
    if not notice.reference and notice.state is NoticeState.OTHER:
        # True, and about nothing of ours: the account serves other software, too.
        return await judge(callback, CallbackOutcome.NOTED, why=notice.state.value)
    payment = await payments.find_by_reference(notice.reference)
    if payment is None:
        return await _refuse(callback, notice, None, "reference_unknown")
    if payment.channel_id != channel.id:
        return await _refuse(callback, notice, None, "other_channel")
    if notice.merchant != channel.merchant:
        return await _refuse(callback, notice, payment, "merchant")
    if notice.state is not NoticeState.PAID:
        return await _note(callback, notice, payment)
    return await _judge_paid(channel, callback, notice, payment)


async def _note(callback: PaymentCallback, notice: Notice, payment: Payment) -> CallbackOutcome:
    """True, and no money: what it is about is asked for at the next turn."""
    if notice.state is NoticeState.REFUNDED and notice.refund_reference:
        await payments.ask_refund_now(notice.refund_reference)
    elif payment.status in payments.OPEN_PAYMENTS:
        await payments.ask_now(payment.id)
    why, reference = notice.state.value, notice.reference
    return await judge(
        callback, CallbackOutcome.NOTED, why=why, reference=reference, payment=payment
    )


async def _judge_paid(
    channel: PaymentChannel, callback: PaymentCallback, notice: Notice, payment: Payment
) -> CallbackOutcome:
    if payment.status in payments.MONEY_IS_HERE:
        same = payment.provider_id == notice.provider_id
        return await _again(callback, notice, payment, same)
    expected = Expected(channel.id, channel.merchant, payment.amount, payment.currency)
    if why := disagreement(expected, notice):
        await payments.ask_now(payment.id)
        return await _refuse(callback, notice, payment, why)
    taken = await payments.find_by_provider_id(channel.id, notice.provider_id)
    if taken is not None and taken.id == payment.id:  # the same callback was faster
        return await _again(callback, notice, payment, same=True)
    if taken is not None:
        return await _refuse(callback, notice, payment, "provider_id_of_another")
    capabilities = payments.port_of(channel.adapter).capabilities
    if capabilities.active_query:
        return await _ask_first(channel, callback, notice, payment)
    if is_stale(notice.at, clock.now(), capabilities.callback_max_age_seconds):
        return await _refuse(callback, notice, payment, "age")
    facts = Paid(notice.provider_id, notice.amount, notice.currency, notice.merchant, notice.at)
    return await _confirm(callback, notice, payment, facts)


async def _again(
    callback: PaymentCallback, notice: Notice, payment: Payment, same: bool
) -> CallbackOutcome:
    if not same:
        return await _refuse(callback, notice, payment, "second_provider_id")
    outcome, reference = CallbackOutcome.DUPLICATE, notice.reference
    return await judge(callback, outcome, reference=reference, payment=payment)


async def _ask_first(
    channel: PaymentChannel, callback: PaymentCallback, notice: Notice, payment: Payment
) -> CallbackOutcome:
    """The channel itself says whether it has the money, and how much of it."""
    result = await ask(payment, channel)
    match result:
        case ports.Uncertain():
            await payments.ask_now(payment.id)
            return await judge(
                callback,
                CallbackOutcome.UNPROVEN,
                why=result.why.value,
                reference=notice.reference,
                payment=payment,
            )
        case Paid():
            expected = Expected(channel.id, channel.merchant, payment.amount, payment.currency)
            contradicted = result.provider_id != notice.provider_id or disagreement(
                expected, result
            )
            if contradicted:
                await payments.ask_now(payment.id)
                return await _refuse(callback, notice, payment, "contradicted")
            return await _confirm(callback, notice, payment, result)
        case _:
            return await _refuse(callback, notice, payment, "not_paid_there")


async def _confirm(
    callback: PaymentCallback, notice: Notice, payment: Payment, facts: Paid
) -> CallbackOutcome:
    done = await confirm_payment(payment.id, facts, "callback")
    stored = await payments.get_payment(payment.id)
    why = stored.why if stored.status is PaymentStatus.SUSPENDED else ""
    return await judge(
        callback, OUTCOMES[done], why=why, reference=notice.reference, payment=payment
    )


async def _refuse(
    callback: PaymentCallback, notice: Notice, payment: Payment | None, why: str
) -> CallbackOutcome:
    outcome, reference = CallbackOutcome.REFUSED, notice.reference
    return await judge(callback, outcome, why=why, reference=reference, payment=payment)
