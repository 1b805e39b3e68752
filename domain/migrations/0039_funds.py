"""The database knows whose money an account holds, and refuses who has no business with it."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

# The table of `domain/ledger/funds.py`: none for a leg that the kind of the transfer may not have,
# 2 for one that counts for the client funds, else 1. The kinds of a purchase come first.
FUNDS = """
CREATE FUNCTION funds_use(transfer text, account text, up boolean) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE transfer
    WHEN 'sale' THEN CASE WHEN up
        THEN CASE WHEN account IN ('revenue', 'gift_card') THEN 2 WHEN account IN ('commission', 'supplier', 'bank', 'inventory') THEN 1 END
        ELSE CASE WHEN account IN ('prepayment') THEN 2 WHEN account IN ('cost', 'commission_expense') THEN 1 END END
    WHEN 'payment' THEN CASE WHEN up
        THEN CASE WHEN account IN ('prepayment') THEN 2 END
        ELSE CASE WHEN account IN ('wallet') THEN 2 WHEN account IN ('bank', 'channel') THEN 1 END END
    WHEN 'topup' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet') THEN 2 END
        ELSE CASE WHEN account IN ('bank') THEN 1 END END
    WHEN 'refund' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet', 'refund_due') THEN 2 END
        ELSE CASE WHEN account IN ('prepayment') THEN 2 END END
    WHEN 'delivered_refund' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet', 'cost', 'refund_due') THEN 2 WHEN account IN ('commission_expense') THEN 1 END
        ELSE CASE WHEN account IN ('gift_card') THEN 2 WHEN account IN ('commission', 'revenue', 'loss') THEN 1 END END
    WHEN 'card_purchase' THEN CASE WHEN up
        THEN CASE WHEN account IN ('bank') THEN 1 END
        ELSE CASE WHEN account IN ('inventory') THEN 1 END END
    WHEN 'card_purchase_undone' THEN CASE WHEN up
        THEN CASE WHEN account IN ('inventory') THEN 1 END
        ELSE CASE WHEN account IN ('bank') THEN 1 END END
    WHEN 'supply' THEN CASE WHEN up
        THEN CASE WHEN account IN ('supplier') THEN 1 END
        ELSE CASE WHEN account IN ('cost', 'inventory', 'loss') THEN 1 END END
    WHEN 'gift_card_redemption' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet', 'revenue') THEN 2 END
        ELSE CASE WHEN account IN ('gift_card') THEN 2 END END
    WHEN 'gift_card_void' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet', 'bank', 'cost') THEN 2 END
        ELSE CASE WHEN account IN ('gift_card') THEN 2 END END
    WHEN 'gift_card_breakage' THEN CASE WHEN up
        THEN CASE WHEN account IN ('revenue') THEN 2 END
        ELSE CASE WHEN account IN ('gift_card') THEN 2 END END
    WHEN 'suspense' THEN CASE WHEN up
        THEN CASE WHEN account IN ('suspense') THEN 2 END
        ELSE CASE WHEN account IN ('channel') THEN 1 END END
    WHEN 'refund_request' THEN CASE WHEN up
        THEN CASE WHEN account IN ('refund_due') THEN 2 END
        ELSE CASE WHEN account IN ('suspense') THEN 2 END END
    WHEN 'refund_sent' THEN CASE WHEN up
        THEN CASE WHEN account IN ('channel') THEN 2 END
        ELSE CASE WHEN account IN ('refund_due') THEN 2 END END
    WHEN 'refund_failed' THEN CASE WHEN up
        THEN CASE WHEN account IN ('wallet') THEN 2 END
        ELSE CASE WHEN account IN ('refund_due') THEN 2 END END
    WHEN 'card_write_off' THEN CASE WHEN up
        THEN CASE WHEN account IN ('inventory') THEN 1 END
        ELSE CASE WHEN account IN ('loss') THEN 1 END END
    WHEN 'card_return' THEN CASE WHEN up
        THEN CASE WHEN account IN ('inventory', 'loss') THEN 1 END
        ELSE CASE WHEN account IN ('supplier', 'loss') THEN 1 END END
    WHEN 'replacement' THEN CASE WHEN up
        THEN CASE WHEN account IN ('inventory') THEN 1 END
        ELSE CASE WHEN account IN ('loss') THEN 1 END END
    WHEN 'supplier_claim' THEN CASE WHEN up
        THEN CASE WHEN account IN ('loss') THEN 1 END
        ELSE CASE WHEN account IN ('supplier_claim') THEN 1 END END
    WHEN 'supplier_claim_settled' THEN CASE WHEN up
        THEN CASE WHEN account IN ('supplier_claim') THEN 1 END
        ELSE CASE WHEN account IN ('supplier', 'bank', 'loss') THEN 1 END END
    END::smallint
$$;
"""

# All that is looked at leg by leg in one look: each look of a trigger costs a purchase.
POSTING = """
CREATE OR REPLACE FUNCTION post_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- Arrays, not joins with `fresh`: of a transition table the planner knows nothing, and would
    -- rather read all accounts than look a few up.
    of_accounts uuid[] := (SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM fresh);
    of_transfers uuid[] := (SELECT array_agg(DISTINCT transfer_id) FROM fresh);
    found record;
    kept uuid;
BEGIN
    SELECT bool_or(unbalanced) AS unbalanced, bool_or(stray) AS stray, bool_or(misused) AS misused,
        bool_or(spent) AS spent, sum(legs) AS legs,
        (SELECT count(*) FROM entries WHERE transfer_id = ANY(of_transfers)) AS stored
    INTO found FROM (
        SELECT sum(amount) <> 0 AS unbalanced, bool_or(stray) AS stray,
            bool_or(use IS NULL) AS misused,
            sum(amount) FILTER (WHERE use = 2) < 0 AS spent, count(*) AS legs
        FROM (
            SELECT f.transfer_id, f.amount,
                a.id IS NULL OR a.currency IS DISTINCT FROM t.currency AS stray,
                funds_use(t.kind, a.kind, f.amount > 0) AS use
            FROM fresh f
            LEFT JOIN (SELECT id, kind, currency FROM transfers WHERE id = ANY(of_transfers)) t
                ON t.id = f.transfer_id
            LEFT JOIN (SELECT id, kind, currency FROM accounts WHERE id = ANY(of_accounts)) a
                ON a.id = f.account_id
            OFFSET 0  -- so that the use is looked up once for each leg
        ) leg GROUP BY transfer_id
    ) of_transfer;
    IF found.unbalanced THEN
        RAISE EXCEPTION 'the entries of a transfer do not sum to zero'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_sums_to_zero';
    END IF;
    IF found.stray THEN
        RAISE EXCEPTION 'an entry names no account, or one of another currency'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_account_of_its_currency';
    END IF;
    IF found.stored <> found.legs THEN
        RAISE EXCEPTION 'a transfer gets all its entries at once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transfer_closed';
    END IF;
    IF found.misused THEN
        RAISE EXCEPTION 'a transfer of this kind has no business with one of its accounts'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_use_listed';
    END IF;
    IF found.spent THEN
        RAISE EXCEPTION 'client funds pay for nothing but what was delivered to their owners'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'client_funds_not_spent';
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
"""


class Migration(migrations.Migration):
    """The table of uses, and the posting trigger that holds to it."""

    dependencies = [("domain", "0038_counter")]

    initial = False

    operations = [RunSQL(FUNDS + POSTING)]
