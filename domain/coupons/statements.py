"""Pieces of SQL of coupons, for the purchase's READ and WRITE and for statements of their own."""

from domain.kernel import named

HELD = "('locked', 'used')"
# Whether any campaign applies by itself now: one look into a small index for every purchase.
AUTOMATIC_NOW = """EXISTS (SELECT 1 FROM coupon_campaigns g WHERE g.automatic
    AND g.state = 'running' AND g.starts_at <= {moment}
    AND (g.ends_at IS NULL OR g.ends_at > {moment}))"""

# What is asked for by a print, a public word or the id of a claimed coupon, one of them in each
# place; and whatever is automatic. Of somebody else's coupon and of one that there is not nothing
# is found, and both sound the same.
_WANTED = """
    SELECT k.campaign_id, k.id AS coupon_id, w.place FROM wanted w
    JOIN coupons k ON k.print = w.print AND (k.owner_id IS NULL OR k.owner_id = :buyer)
    JOIN coupon_batches b ON b.id = k.batch_id AND b.voided_at IS NULL
    UNION ALL
    SELECT g.id, NULL, w.place FROM wanted w
    JOIN coupon_campaigns g ON g.public_code = w.word AND g.state <> 'ended'
    UNION ALL
    SELECT k.campaign_id, k.id, w.place FROM wanted w
    JOIN coupons k ON k.id = w.coupon AND k.owner_id = :buyer
    LEFT JOIN coupon_batches b ON b.id = k.batch_id WHERE b.voided_at IS NULL
    UNION ALL
    SELECT g.id, NULL, NULL FROM coupon_campaigns g WHERE :automatic::bool AND g.automatic
        AND g.state = 'running' AND g.starts_at <= :moment
        AND (g.ends_at IS NULL OR g.ends_at > :moment)
"""
_SKUS = """ARRAY(SELECT v.sku FROM variants v JOIN products p ON p.id = v.product_id
    WHERE v.sku = ANY(:skus::text[]) AND (
        (cardinality(g.variant_ids) = 0 AND cardinality(g.category_ids) = 0)
        OR v.id = ANY(g.variant_ids)
        OR EXISTS (WITH RECURSIVE above AS (
            SELECT p.category_id AS id UNION ALL
            SELECT k.parent_id FROM above JOIN categories k ON k.id = above.id
                WHERE k.parent_id IS NOT NULL)
            SELECT 1 FROM above WHERE id = ANY(g.category_ids))))"""
COUPONS = f"""(SELECT jsonb_build_object(
    'locked', EXISTS (SELECT 1 FROM coupon_guesses WHERE subject = ANY(:coupon_subjects::bytea[])
        AND locked_until > :moment),
    'found', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM (
    WITH wanted AS MATERIALIZED (
        SELECT * FROM unnest(:coupon_prints::bytea[], :coupon_words::text[], :coupon_ids::uuid[])
            WITH ORDINALITY AS w (print, word, coupon, place))
    SELECT q.place, q.coupon_id, g.id, g.version, g.kind, g.value, g.cap, g.steps, g.repeats,
        g.beside, g.minimum, g.stack_group, g.priority, g.automatic, g.currency, g.name_zh,
        g.name_en, g.state, g.tiers, g.platform_share, g.agent_share, g.supplier_share,
        g.given_back, g.per_user, g.per_device, n.max_uses, n.budget, n.uses, n.amount,
        (SELECT sku FROM variants WHERE id = g.free_variant_id) AS free_sku,
        g.starts_at > :moment AS early, coalesce(g.ends_at <= :moment, false) AS over,
        cardinality(g.site_ids) = 0 OR :site = ANY(g.site_ids) AS here,
        g.first_order AND EXISTS (SELECT 1 FROM orders o
            WHERE o.buyer_id = :buyer AND o.paid_at IS NOT NULL) AS bought_before,
        q.coupon_id IS NOT NULL AND EXISTS (SELECT 1 FROM coupon_uses u
            WHERE u.coupon_id = q.coupon_id AND u.state IN {HELD}) AS used,
        CASE WHEN g.per_user IS NOT NULL THEN (SELECT count(*) FROM coupon_uses u
            WHERE u.campaign_id = g.id AND u.user_id = :buyer AND u.state IN {HELD})
        END AS used_by_user,
        CASE WHEN g.per_device IS NOT NULL THEN (SELECT count(*) FROM coupon_uses u
            WHERE u.campaign_id = g.id AND u.device = :coupon_device AND u.state IN {HELD})
        END AS used_by_device,
        {_SKUS} AS skus
    FROM ({_WANTED}) q JOIN coupon_campaigns g ON g.id = q.campaign_id
    JOIN coupon_counters n ON n.campaign_id = g.id
    ) f)))"""

# Sorted by campaign, so that two purchases wait for limits in one order.
INSERT_USES = """
INSERT INTO coupon_uses (id, campaign_id, campaign_version, coupon_id, order_id, user_id, device,
    position, state, name_zh, name_en, currency, amount, parts, house_amount, platform_amount,
    agent_amount, supplier_amount, given_back, locked_at, used_at)
SELECT w.id, w.campaign, w.version, w.coupon, :order_id, :buyer, w.device, w.position,
    :use_state::text, w.name_zh, w.name_en, :use_currency, w.amount, w.parts, w.house, w.platform,
    w.agent, w.supplier, w.given_back, :moment,
    CASE WHEN :use_state::text = 'used' THEN :moment::timestamptz END
FROM unnest(:use_ids::uuid[], :use_campaigns::uuid[], :use_versions::int[], :use_coupons::uuid[],
    :use_devices::bytea[], :use_positions::int[], :use_names_zh::text[], :use_names_en::text[],
    :use_amounts::bigint[], :use_parts::jsonb[], :use_houses::bigint[], :use_platforms::bigint[],
    :use_agents::bigint[], :use_suppliers::bigint[], :use_given_back::bool[])
    AS w (id, campaign, version, coupon, device, position, name_zh, name_en, amount, parts, house,
        platform, agent, supplier, given_back)
ORDER BY w.campaign RETURNING 1
"""
RECORD_USES = named(INSERT_USES)
