"""What the database refuses by itself: triggers, composite keys and partial indexes in SQL.

Each refusal has its test under tests/domain or tests/house that writes plain SQL against it.
"""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

APPEND_ONLY_TABLES = (
    "transfers",
    "entries",
    "seals",
    "checkpoints",
    "audit_entries",
    "commissions",
    "listing_reviews",
)

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it by a new row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
""" + "\n".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_change();"
    for table in APPEND_ONLY_TABLES
)

# The entries of a transfer arrive in one statement. The trigger proves that each transfer sums to
# zero in the currency of all its accounts, refuses entries added to an earlier transfer, and moves
# the kept balances, locking them in the order of their ids.
LEDGER = """
CREATE FUNCTION post_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- Arrays, not joins with `fresh`: of a transition table the planner knows nothing, and would
    -- rather read all accounts than look a few up.
    of_accounts uuid[] := (SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM fresh);
    of_transfers uuid[] := (SELECT array_agg(DISTINCT transfer_id) FROM fresh);
    kept uuid;
BEGIN
    IF EXISTS (SELECT 1 FROM fresh GROUP BY transfer_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'the entries of a transfer do not sum to zero'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_sums_to_zero';
    END IF;
    IF EXISTS (
        SELECT 1 FROM fresh f
        LEFT JOIN (SELECT id, currency FROM transfers WHERE id = ANY(of_transfers)) t
            ON t.id = f.transfer_id
        LEFT JOIN (SELECT id, currency FROM accounts WHERE id = ANY(of_accounts)) a
            ON a.id = f.account_id
        WHERE a.id IS NULL OR a.currency IS DISTINCT FROM t.currency
    ) THEN
        RAISE EXCEPTION 'an entry names no account, or one of another currency'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_account_of_its_currency';
    END IF;
    IF (SELECT count(*) FROM entries WHERE transfer_id = ANY(of_transfers))
        <> (SELECT count(*) FROM fresh) THEN
        RAISE EXCEPTION 'a transfer gets all its entries at once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transfer_closed';
    END IF;
    FOR kept IN
        SELECT id FROM accounts WHERE id = ANY(of_accounts) AND keeps_balance
        ORDER BY id FOR NO KEY UPDATE
    LOOP
        UPDATE accounts SET balance = balance
            + (SELECT sum(amount) FROM fresh WHERE account_id = kept)
        WHERE id = kept;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_posted AFTER INSERT ON entries
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION post_entries();

CREATE INDEX entries_of_transfer ON entries (transfer_id);
-- The trigger above proves for a whole statement what these keys would prove row by row, eleven times
-- a purchase; a transfer is never deleted, and the chain's check tells of a seal without one.
ALTER TABLE entries DROP CONSTRAINT entries_transfer_id_fkey;
ALTER TABLE seals DROP CONSTRAINT seals_transfer_id_fkey;

CREATE FUNCTION refuse_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.currency <> OLD.currency
        OR NEW.keeps_balance <> OLD.keeps_balance OR NEW.owner_id IS DISTINCT FROM OLD.owner_id THEN
        RAISE EXCEPTION 'an account is never deleted or turned into another one'
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- Only the posting trigger moves a balance: it runs one trigger level deeper than any client.
    IF NEW.balance <> OLD.balance AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a balance moves by entries only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_kept BEFORE UPDATE OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION refuse_account_change();
"""

# Card life: available -> reserved -> sold, available -> sold | void, reserved -> available.
CARDS = """
CREATE FUNCTION guard_card_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a card is voided, never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('available', 'reserved'), ('available', 'sold'), ('available', 'void'),
        ('reserved', 'sold'), ('reserved', 'available')
    ) THEN
        RAISE EXCEPTION 'a card does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_move_listed';
    END IF;
    IF OLD.state = 'sold' AND (NEW.order_line_id <> OLD.order_line_id OR NEW.unit_number <> OLD.unit_number)
    THEN
        RAISE EXCEPTION 'a sold card stays with its order line'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'card_sold_once';
    END IF;
    -- Its code stays; only the rotation of the index moves on to the fingerprint of the next pepper.
    IF (NEW.fingerprint <> OLD.fingerprint AND NEW.fingerprint IS DISTINCT FROM OLD.next_fingerprint)
        OR NEW.variant_id <> OLD.variant_id OR NEW.batch_id <> OLD.batch_id
    THEN
        RAISE EXCEPTION 'a card does not become another card' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cards_move BEFORE UPDATE OR DELETE ON cards
    FOR EACH ROW EXECUTE FUNCTION guard_card_move();
CREATE INDEX cards_to_sell ON cards (variant_id, expires_on, id) WHERE state = 'available';
ALTER TABLE cards ADD CONSTRAINT card_of_a_variant FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE card_secrets ADD CONSTRAINT secret_of_a_card FOREIGN KEY (card_id) REFERENCES cards (id);
ALTER TABLE card_batches ADD CONSTRAINT batch_of_a_variant FOREIGN KEY (variant_id) REFERENCES variants (id);
"""

AGENTS = """
ALTER TABLE agents ADD CONSTRAINT agent_below_its_parent
    FOREIGN KEY (parent_id, parent_depth) REFERENCES agents (id, depth);
ALTER TABLE agents ADD CONSTRAINT agent_of_a_user FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE users ADD CONSTRAINT user_referred_by_agent
    FOREIGN KEY (referrer_agent_id) REFERENCES agents (id);
ALTER TABLE prices ADD CONSTRAINT price_of_a_variant FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE supplier_offers ADD CONSTRAINT offer_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
"""

# Order moves, and the proof that a commission stands on a delivered consumer line and that all
# commissions of a line stay within its margin.
ORDERS = """
CREATE FUNCTION guard_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('PAID', 'DELIVERING'), ('PAID', 'DELIVERED'), ('PAID', 'PARTIALLY_DELIVERED'), ('PAID', 'REFUNDED'),
        ('DELIVERING', 'DELIVERED'), ('DELIVERING', 'PARTIALLY_DELIVERED'), ('DELIVERING', 'REFUNDED')
    ) THEN
        RAISE EXCEPTION 'an order does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'order_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_move BEFORE UPDATE OR DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION guard_order_move();

CREATE FUNCTION guard_line_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order line is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('QUEUED', 'DELIVERING'), ('QUEUED', 'DELIVERED'), ('QUEUED', 'REFUNDED'),
        ('DELIVERING', 'DELIVERED'), ('DELIVERING', 'REFUNDED')
    ) THEN
        RAISE EXCEPTION 'an order line does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_move_listed';
    END IF;
    IF NEW.unit_price <> OLD.unit_price OR NEW.quantity <> OLD.quantity OR NEW.variant_id <> OLD.variant_id THEN
        RAISE EXCEPTION 'what was agreed does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- The purchase is one statement; this takes it back when another one was faster.
CREATE FUNCTION refuse_lost_race(key_is_ours boolean, cards_are_ours boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT key_is_ours THEN
        RAISE EXCEPTION 'the idempotency key was used' USING CONSTRAINT = 'key_taken';
    END IF;
    IF NOT cards_are_ours THEN
        RAISE EXCEPTION 'a card was sold meanwhile' USING CONSTRAINT = 'card_taken';
    END IF;
END $$;
CREATE TRIGGER order_lines_move BEFORE UPDATE OR DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION guard_line_move();
CREATE INDEX order_lines_due ON order_lines (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE commissions ADD CONSTRAINT commission_of_a_consumer_line
    FOREIGN KEY (order_line_id, consumer) REFERENCES order_lines (id, consumer);
CREATE FUNCTION guard_commissions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_lines uuid[] := (SELECT array_agg(DISTINCT order_line_id) FROM fresh);
BEGIN
    IF EXISTS (
        SELECT 1 FROM order_lines l
        WHERE l.id = ANY(of_lines)
          AND (l.status <> 'DELIVERED' OR l.unit_price * l.quantity - l.cost <
               (SELECT sum(c.amount) FROM commissions c WHERE c.order_line_id = l.id))
    ) THEN
        RAISE EXCEPTION 'a commission stands on a delivered line and within its margin'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_within_margin';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER commissions_earned AFTER INSERT ON commissions
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION guard_commissions();
"""

FULFILMENT = """
ALTER TABLE fulfilment_attempts ADD CONSTRAINT attempt_of_a_line
    FOREIGN KEY (line_id) REFERENCES order_lines (id);
CREATE INDEX attempts_due ON fulfilment_attempts (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE FUNCTION guard_attempt_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.reference <> OLD.reference THEN
        RAISE EXCEPTION 'an attempt and its reference stay for life' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status IN ('succeeded', 'rejected') AND NEW.status <> OLD.status
       AND NOT (OLD.status = 'rejected' AND NEW.status = 'succeeded' AND NEW.parked) THEN
        RAISE EXCEPTION 'a finished attempt stays finished'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'attempt_move_listed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempts_move BEFORE UPDATE OR DELETE ON fulfilment_attempts
    FOR EACH ROW EXECUTE FUNCTION guard_attempt_move();
"""

EVENTS = """
CREATE INDEX outbox_unpublished ON outbox_events (id) WHERE published_at IS NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
CREATE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.type <> OLD.type OR NEW.subject <> OLD.subject
        OR NEW.sequence <> OLD.sequence OR NEW.payload <> OLD.payload THEN
        RAISE EXCEPTION 'an event does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER outbox_events_fixed BEFORE UPDATE ON outbox_events
    FOR EACH ROW EXECUTE FUNCTION guard_event();
"""


# The way to the shelf (A7): the listed moves only, no banned word or category on it by any path, and
# what buyers see of an approved product changes only together with its going back to review.
# Whoever publishes shares a lock that whoever bans holds alone, so that neither misses the other.
LISTINGS = """
CREATE FUNCTION folded(text text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(lower(normalize(text, NFKC) COLLATE "pg_c_utf8") COLLATE "pg_c_utf8",
        '[^[:alnum:]]+', '', 'g')
$$;
CREATE FUNCTION listing_text(listing products) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(folded(shown), E'\\n') FROM (
        SELECT unnest(ARRAY[listing.slug, listing.name_zh, listing.name_en, listing.description_zh,
            listing.description_en, listing.brand] || listing.tags)
        UNION ALL
        SELECT unnest(ARRAY[sku, name_zh, name_en]) FROM variants WHERE product_id = listing.id
    ) texts (shown)
$$;
CREATE FUNCTION ban_of(listing products) RETURNS uuid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM categories WHERE id = listing.category_id
        UNION SELECT c.id, c.parent_id FROM categories c JOIN above a ON c.id = a.parent_id
    ), shown AS MATERIALIZED (SELECT listing_text(listing) AS text)
    SELECT b.id FROM listing_bans b, shown
    WHERE b.category_id IN (SELECT id FROM above) OR strpos(shown.text, b.folded) > 0
    ORDER BY b.created_at, b.id LIMIT 1
$$;

CREATE FUNCTION guard_listing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'submitted'), ('submitted', 'draft'), ('submitted', 'approved'),
        ('submitted', 'rejected'), ('rejected', 'submitted'), ('approved', 'submitted'),
        ('approved', 'suspended'), ('suspended', 'submitted')
    ) THEN
        RAISE EXCEPTION 'a listing does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_move_listed';
    END IF;
    IF NEW.status <> 'approved' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'approved' AND
        (NEW.slug, NEW.category_id, NEW.brand, NEW.region, NEW.name_zh, NEW.name_en,
         NEW.description_zh, NEW.description_en, NEW.tags) IS DISTINCT FROM
        (OLD.slug, OLD.category_id, OLD.brand, OLD.region, OLD.name_zh, OLD.name_en,
         OLD.description_zh, OLD.description_en, OLD.tags) THEN
        RAISE EXCEPTION 'an edited listing goes back to review'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'listing_edit_reviewed';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('catalog.bans'));
    IF ban_of(NEW) IS NOT NULL THEN
        RAISE EXCEPTION 'a banned listing is not published'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER products_listed BEFORE INSERT OR UPDATE OF status, slug, category_id, brand, region,
    name_zh, name_en, description_zh, description_en, tags ON products
    FOR EACH ROW EXECUTE FUNCTION guard_listing();

CREATE FUNCTION guard_variant_text() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    listing products;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('catalog.bans'));
    SELECT * INTO listing FROM products WHERE id = NEW.product_id FOR SHARE;
    IF listing.status = 'approved' AND ban_of(listing) IS NOT NULL THEN
        RAISE EXCEPTION 'a banned listing is not published'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER variants_listed AFTER INSERT OR UPDATE OF sku, product_id, name_zh, name_en ON variants
    FOR EACH ROW EXECUTE FUNCTION guard_variant_text();

CREATE FUNCTION guard_ban() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('catalog.bans'));
    IF NEW.folded IS DISTINCT FROM folded(NEW.word) THEN
        RAISE EXCEPTION 'a banned word is kept as it is looked for'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ban_word_folded_right';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER listing_bans_alone BEFORE INSERT OR UPDATE ON listing_bans
    FOR EACH ROW EXECUTE FUNCTION guard_ban();
CREATE FUNCTION guard_shelf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM listing_bans)
        AND EXISTS (SELECT 1 FROM products p WHERE p.status = 'approved' AND ban_of(p) IS NOT NULL) THEN
        RAISE EXCEPTION 'a banned listing stands on the shelf'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_not_banned';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER listing_bans_hit AFTER INSERT OR UPDATE ON listing_bans
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_shelf();
CREATE CONSTRAINT TRIGGER categories_moved AFTER UPDATE OF parent_id ON categories
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id) EXECUTE FUNCTION guard_shelf();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0001_initial")]

    operations = [
        RunSQL(sql)
        for sql in (APPEND_ONLY, LEDGER, CARDS, AGENTS, ORDERS, FULFILMENT, EVENTS, LISTINGS)
    ]
