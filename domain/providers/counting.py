"""What happened to the orders of a contract between two entries of the ledger (decision 0093).

Read from the books: sales and refunds by the entries of revenue and cost, in looks of some hundred
thousand entries, which never change. Nothing but sums leaves the database.
"""

from collections.abc import Mapping
from uuid import UUID

from domain.kernel import connection, named
from domain.ledger import AccountKind, account_id
from domain.providers.rules import CURRENCY, Facts

WINDOW = 200_000  # entries of one look
REVENUE = account_id(AccountKind.REVENUE, None, CURRENCY)
COST = account_id(AccountKind.COST, None, CURRENCY)

# Of consumers, and of orders that no agent brought: nobody earns on a sale behind an agent. Own
# gift cards are money to come, and no sale. Terms are those of when an order was placed, so that
# what is given back goes back by the terms that it was counted by. An order counts while something
# of it is delivered and not paid back, at either end of the look.
_COUNTED = named("""
WITH moved AS MATERIALIZED (
    SELECT DISTINCT t.kind::text AS kind, t.reference FROM entries e
    CROSS JOIN LATERAL (SELECT kind, reference FROM transfers WHERE id = e.transfer_id OFFSET 0) t
    WHERE e.account_id = ANY(ARRAY[:revenue::uuid, :cost::uuid])
        AND e.id > :from_entry AND e.id <= :up_to_entry AND t.kind IN ('sale', 'delivered_refund')
), touched AS MATERIALIZED (
    SELECT DISTINCT l.order_id FROM (
        SELECT reference AS line_id FROM moved WHERE kind = 'sale'
        UNION
        SELECT p.line_id FROM moved CROSS JOIN LATERAL (
            SELECT line_id FROM refund_parts WHERE refund_id = moved.reference OFFSET 0) p
        WHERE kind = 'delivered_refund') x
    CROSS JOIN LATERAL (SELECT order_id FROM order_lines WHERE id = x.line_id OFFSET 0) l
), own AS MATERIALIZED (
    SELECT o.id AS order_id, l.id AS line_id, k.id AS terms_id
    FROM touched
    CROSS JOIN LATERAL (SELECT id, site_id, placed_at FROM orders
        WHERE id = touched.order_id AND consumer AND agent_chain = '{}' OFFSET 0) o
    CROSS JOIN LATERAL (SELECT id, site_id, product_ids, valid_until FROM provider_terms
        WHERE contract_id = :contract AND state = 'APPROVED' AND valid_from <= o.placed_at
        ORDER BY valid_from DESC, number DESC LIMIT 1) k
    CROSS JOIN LATERAL (SELECT l.id, v.product_id FROM order_lines l
        JOIN variants v ON v.id = l.variant_id
        WHERE l.order_id = o.id AND l.delivery_kind <> 'GIFT_CARD' OFFSET 0) l
    WHERE (k.valid_until IS NULL OR o.placed_at < k.valid_until)
        AND (k.site_id IS NULL OR k.site_id = o.site_id)
        AND (cardinality(k.product_ids) = 0 OR l.product_id = ANY(k.product_ids))
), happened AS MATERIALIZED (
    SELECT own.order_id, own.terms_id, s.entry, s.net, s.cost, true AS sold FROM own
    CROSS JOIN LATERAL (
        SELECT min(e.id) AS entry,
            coalesce(sum(e.amount) FILTER (WHERE e.account_id = :revenue), 0) AS net,
            coalesce(-sum(e.amount) FILTER (WHERE e.account_id = :cost), 0) AS cost
        FROM transfers t JOIN entries e ON e.transfer_id = t.id
        WHERE t.kind = 'sale' AND t.reference = own.line_id
            AND e.account_id = ANY(ARRAY[:revenue::uuid, :cost::uuid])) s
    WHERE s.entry IS NOT NULL
    UNION ALL
    SELECT own.order_id, own.terms_id, r.entry, p.amount, p.lost_cost, false FROM own
    CROSS JOIN LATERAL (SELECT refund_id, amount, lost_cost FROM refund_parts
        WHERE line_id = own.line_id OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT min(e.id) AS entry FROM transfers t JOIN entries e ON e.transfer_id = t.id
        WHERE t.kind = 'delivered_refund' AND t.reference = p.refund_id
            AND e.account_id = ANY(ARRAY[:revenue::uuid, :cost::uuid])) r
    WHERE r.entry IS NOT NULL
), by_order AS MATERIALIZED (
    SELECT order_id, terms_id,
        coalesce(sum(CASE WHEN sold THEN net ELSE -net END)
            FILTER (WHERE entry <= :from_entry), 0) > 0 AS before,
        coalesce(sum(CASE WHEN sold THEN net ELSE -net END)
            FILTER (WHERE entry <= :up_to_entry), 0) > 0 AS after
    FROM happened GROUP BY order_id, terms_id
), sums AS MATERIALIZED (
    SELECT terms_id,
        coalesce(sum(net) FILTER (WHERE sold), 0)::bigint AS sold,
        coalesce(sum(cost) FILTER (WHERE sold), 0)::bigint AS sold_cost,
        coalesce(sum(net) FILTER (WHERE NOT sold), 0)::bigint AS returned,
        coalesce(sum(cost) FILTER (WHERE NOT sold), 0)::bigint AS returned_cost
    FROM happened WHERE entry > :from_entry AND entry <= :up_to_entry GROUP BY terms_id
)
SELECT s.*,
    (SELECT count(*) FROM by_order o WHERE o.terms_id = s.terms_id
        AND after AND NOT before)::int AS orders,
    (SELECT count(*) FROM by_order o WHERE o.terms_id = s.terms_id
        AND before AND NOT after)::int AS orders_lost
FROM sums s
""")
_FIELDS = ("sold", "sold_cost", "returned", "returned_cost", "orders", "orders_lost")


async def count_facts(contract_id: UUID, from_entry: int, up_to_entry: int) -> dict[UUID, Facts]:
    """What happened to the orders of each version of a contract's approved terms, by its id, after
    one entry of the ledger and up to another."""
    found: dict[UUID, Facts] = {}
    for begin in range(from_entry, up_to_entry, WINDOW):
        values: Mapping[str, object] = {
            "contract": contract_id,
            "revenue": REVENUE,
            "cost": COST,
            "from_entry": begin,
            "up_to_entry": min(begin + WINDOW, up_to_entry),
        }
        async with connection() as conn:
            rows = await conn.fetch(_COUNTED.text, *_COUNTED.values(values))
        for row in rows:
            facts = Facts(*(row[name] for name in _FIELDS))
            found[row["terms_id"]] = found.get(row["terms_id"], Facts()) + facts
    return found
