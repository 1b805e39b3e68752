-- The limits of a purchase, run by pgbench from the wheel, in a copy of the database that the
-- programs work on.

-- The limit: the same work on the same tables, with their guards, as one function in the database:
-- no HTTP, no GraphQL, no Python, and no round trip between its statements (decision 0009).
CREATE TABLE bench_sessions AS
    SELECT row_number() OVER (ORDER BY s.id) AS number, s.access_digest AS digest
    FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.referrer_agent_id IS NOT NULL;
CREATE UNIQUE INDEX ON bench_sessions (number);

CREATE FUNCTION account_of(wanted text, of_owner uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM accounts
    WHERE kind = wanted AND owner_id IS NOT DISTINCT FROM of_owner AND currency = 'CNY'
$$;

CREATE FUNCTION purchase(buyer_number int, wanted_sku text, wanted_key text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid := uuidv7(); made_line uuid := uuidv7(); paid uuid := uuidv7(); sold uuid := uuidv7();
    made_number text := 'BENCH-' || right(made::text, 12);
    buyer record; shelf record; card record; share record; agents_of uuid[]; shares bigint[] := '{}';
    told jsonb; main_site uuid := '00000000-0000-7000-8000-000000000001';
BEGIN
    SELECT u.id, u.referrer_agent_id INTO buyer
    FROM bench_sessions b JOIN sessions s ON s.access_digest = b.digest JOIN users u ON u.id = s.user_id
    WHERE b.number = buyer_number AND s.access_expires_at > now() AND s.revoked_at IS NULL
        AND u.disabled_at IS NULL;
    INSERT INTO idempotency_keys (id, actor, operation, key, input_hash, result, created_at)
        VALUES (uuidv7(), buyer.id, 'orderCreate', wanted_key, sha256(wanted_key::bytea), made, now())
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN (SELECT result FROM idempotency_keys
                WHERE actor = buyer.id AND operation = 'orderCreate' AND key = wanted_key);
    END IF;
    SELECT v.id, v.sku, v.delivery_kind, v.type_id, t.version AS type_version, p.category_id,
        r.amount AS price INTO shelf
    FROM variants v JOIN products p ON p.id = v.product_id JOIN product_types t ON t.id = v.type_id
    JOIN prices r ON r.variant_id = v.id AND r.currency = 'CNY' AND r.tier = 'retail'
    WHERE v.sku = wanted_sku AND v.status = 'active' AND p.status = 'approved';
    SELECT id, unit_cost, masked INTO card FROM cards
        WHERE variant_id = shelf.id AND state = 'available'
            AND (expires_on IS NULL OR expires_on > current_date)
        ORDER BY expires_on, id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF card.id IS NULL THEN RAISE EXCEPTION 'sold out'; END IF;
    SELECT array_remove(ARRAY[one.id, two.id, three.id], NULL) INTO agents_of
        FROM agents one LEFT JOIN agents two ON two.id = one.parent_id
        LEFT JOIN agents three ON three.id = two.parent_id
        WHERE one.id = buyer.referrer_agent_id AND one.status = 'active';

    INSERT INTO orders (id, number, buyer_id, status, currency, total, tier, consumer, agent_chain,
            event_count, version, placed_at, paid_at, closed_at, site_id)
        VALUES (made, made_number, buyer.id, 'DELIVERED', 'CNY', shelf.price, 'retail', true,
            agents_of, 2, 1, now(), now(), now(), main_site);
    INSERT INTO order_lines (id, order_id, position, variant_id, sku, quantity, unit_price,
            max_unit_cost, status, consumer, delivered_quantity, cost, delivered_at, delivery_kind,
            type_id, type_version)
        VALUES (made_line, made, 0, shelf.id, shelf.sku, 1, shelf.price, shelf.price,
            'DELIVERED', true, 1, card.unit_cost, now(), shelf.delivery_kind, shelf.type_id,
            shelf.type_version);
    UPDATE cards SET state = 'sold', order_line_id = made_line, unit_number = 1, sold_at = now()
        WHERE id = card.id;
    FOR share IN
        SELECT DISTINCT ON (level) id, level, value FROM commission_rules
        WHERE valid_from <= now() AND (valid_until IS NULL OR valid_until > now())
            AND (scope = 'default' OR (scope = 'category' AND scope_id = shelf.category_id)
                 OR (scope = 'variant' AND scope_id = shelf.id))
        ORDER BY level, array_position(ARRAY['variant', 'category', 'default'], scope::text),
            valid_from DESC
    LOOP
        shares := shares || shelf.price * share.value / 1000000;
    END LOOP;
    INSERT INTO transfers (id, kind, reference, currency, note, posted_at) VALUES
        (paid, 'payment', made, 'CNY', made_number, now()),
        (sold, 'sale', made_line, 'CNY', made_number, now());
    INSERT INTO entries (transfer_id, account_id, amount)
        SELECT * FROM (VALUES
            (paid, account_of('wallet', buyer.id), -shelf.price),
            (paid, account_of('prepayment', NULL), shelf.price),
            (sold, account_of('prepayment', NULL), -shelf.price),
            (sold, account_of('revenue', NULL), shelf.price),
            (sold, account_of('cost', NULL), -card.unit_cost),
            (sold, account_of('inventory', NULL), card.unit_cost),
            (sold, account_of('commission_expense', NULL), -(SELECT sum(s) FROM unnest(shares) s))
        ) AS house (transfer, account, amount)
        UNION ALL
        SELECT sold, account_of('commission', agent), amount
        FROM unnest(agents_of, shares) AS s (agent, amount);
    INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis, amount, currency,
            rule, earned_at, release_at)
        SELECT uuidv7(), made_line, true, agent, level, shelf.price, amount, 'CNY',
            jsonb_build_object('kind', 'percent', 'level', level), now(), now()
        FROM unnest(agents_of, shares) WITH ORDINALITY AS s (agent, amount, level);
    told := jsonb_build_object('orderId', made, 'number', made_number, 'status', 'DELIVERED',
        'currency', 'CNY', 'total', shelf.price, 'externalId', NULL, 'lines', jsonb_build_array(
            jsonb_build_object('id', made_line, 'sku', shelf.sku, 'quantity', 1, 'status', 'DELIVERED')));
    INSERT INTO outbox_events (id, type, subject, sequence, payload, occurred_at) VALUES
        (uuidv7(), 'order.paid', made, 1, told, now()),
        (uuidv7(), 'order.delivered', made, 2, told, now());
    RETURN made;
END $$;

-- The floor: the least a shop could write for a sale, on tables without guards. No session, no
-- tiers, no agents, no commissions; five entries that nothing checks, one event.
CREATE SCHEMA floor;
SET search_path = floor;
CREATE TABLE keys (actor uuid, key text, result uuid, PRIMARY KEY (actor, key));
CREATE TABLE accounts (id uuid PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE prices (variant uuid PRIMARY KEY, amount bigint NOT NULL);
CREATE TABLE cards (id uuid PRIMARY KEY, variant uuid NOT NULL, state text NOT NULL, line uuid, sold_at timestamptz);
CREATE INDEX cards_free ON cards (variant, id) WHERE state = 'available';
CREATE TABLE orders (id uuid PRIMARY KEY, buyer uuid, status text, total bigint, placed_at timestamptz);
CREATE TABLE lines (id uuid PRIMARY KEY, order_id uuid REFERENCES orders, variant uuid, quantity int, price bigint);
CREATE TABLE entries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, transfer uuid, account uuid, amount bigint);
CREATE TABLE outbox (id uuid PRIMARY KEY, type text, payload jsonb, at timestamptz);

INSERT INTO accounts SELECT md5('buyer' || n)::uuid, 1000000000000 FROM generate_series(1, 200) n;
INSERT INTO prices SELECT md5('variant' || n)::uuid, 480000 FROM generate_series(1, 200) n;
INSERT INTO cards SELECT md5('card' || n)::uuid, md5('variant' || 1 + n % 200)::uuid, 'available'
    FROM generate_series(1, :floor_cards) n;

CREATE FUNCTION purchase(buyer uuid, wanted uuid, key_text text) RETURNS uuid
LANGUAGE plpgsql SET search_path = floor AS $$
DECLARE
    made uuid := uuidv7(); made_line uuid := uuidv7(); made_transfer uuid := uuidv7();
    price bigint; card uuid;
BEGIN
    INSERT INTO keys VALUES (buyer, key_text, made) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN (SELECT result FROM keys WHERE actor = buyer AND key = key_text); END IF;
    SELECT amount INTO price FROM prices WHERE variant = wanted;
    UPDATE accounts SET balance = balance - price WHERE id = buyer;
    SELECT id INTO card FROM cards WHERE variant = wanted AND state = 'available'
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF card IS NULL THEN RAISE EXCEPTION 'sold out'; END IF;
    INSERT INTO orders VALUES (made, buyer, 'DELIVERED', price, now());
    INSERT INTO lines VALUES (made_line, made, wanted, 1, price);
    UPDATE cards SET state = 'sold', line = made_line, sold_at = now() WHERE id = card;
    INSERT INTO entries (transfer, account, amount)
        SELECT made_transfer, gen_random_uuid(), amount FROM unnest(ARRAY[-price, price, -1, 1, 0]) AS amount;
    INSERT INTO outbox VALUES (uuidv7(), 'order.delivered', jsonb_build_object('order', made), now());
    RETURN made;
END $$;
RESET search_path;
