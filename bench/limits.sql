-- The limits: the same work as bare SQL, nothing around it. Run by pgbench from the wheel.
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
    FROM generate_series(1, :cards) n;

-- One purchase: key, price, wallet, card, order, line, five entries, event.
CREATE FUNCTION purchase(buyer uuid, wanted uuid, key_text text) RETURNS uuid LANGUAGE plpgsql AS $$
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
