"""What is owed of a deposit; one text, which the purchase contains as well."""

_ASKED = """
(SELECT t.amount FROM deposit_terms t WHERE t.agent_type = {agent}.type
    AND t.effective_at <= {moment} ORDER BY t.effective_at DESC, t.id DESC LIMIT 1)
"""
_THERE = """
(SELECT w.balance FROM accounts w WHERE w.kind = 'deposit' AND w.owner_id = {agent}.id
    AND w.currency = 'CNY')
"""
# Whether the agent row `{agent}` has deposited less than its type is asked for.
OWES = f"coalesce({_ASKED}, 0) > coalesce({_THERE}, 0)"
STANDING = f"""
SELECT a.id, coalesce({_ASKED.format(agent="a", moment="$2")}, 0)::bigint AS required,
    coalesce({_THERE.format(agent="a")}, 0)::bigint AS balance
FROM agents a WHERE a.id = ANY($1::uuid[])
"""
