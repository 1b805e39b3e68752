"""Whether a penalty keeps an agent from something; one text, which the purchase contains as well.

Nothing is stored with the agent: a restriction ends at its time, and no job has to remember it.
"""

# For an agent row `{agent}`.
RESTRICTED = """
EXISTS (SELECT 1 FROM penalty_restrictions pr WHERE pr.agent_id = {agent}.id
    AND {deed} = ANY(pr.blocks) AND pr.lifted_at IS NULL AND pr.starts_at <= {moment}
    AND coalesce(pr.ends_at, 'infinity') > {moment})
"""
BLOCKED = f"""
SELECT {RESTRICTED.format(agent="a", deed="$2", moment="$3")} FROM agents a WHERE a.id = $1
"""
STANDING = """
SELECT count(*) FROM penalty_cases
WHERE agent_id = $1 AND state IN ('imposed', 'appealed', 'upheld', 'final')
"""
IN_APPEAL = """
SELECT EXISTS (SELECT 1 FROM penalty_cases WHERE agent_id = $1 AND state IN ('imposed', 'appealed'))
"""
UNAPPEALED = """
SELECT id FROM penalty_cases WHERE state = 'imposed' AND appeal_until <= $1
ORDER BY appeal_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""
LEFT_ALONE = """
SELECT id FROM penalty_cases WHERE state = 'noticed' AND answer_until <= $1
ORDER BY answer_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""
PUBLISHED = """
SELECT id FROM penalty_cases WHERE state IN ('upheld', 'final')
    AND ($1::timestamptz IS NULL OR (closed_at, id) < ($1, $2::uuid))
ORDER BY closed_at DESC, id DESC LIMIT $3
"""
ACTIVE_AGENTS = "SELECT count(*) FROM agents WHERE status = 'active' AND created_at < $1"
ROUND = """
INSERT INTO inspection_rounds (id, month, seed, active, size, drawn_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (month) DO NOTHING RETURNING 1
"""
# By the digests of the seed with each id: random, and the same whoever draws again.
DRAW = """
SELECT id FROM agents WHERE status = 'active' AND created_at < $1
ORDER BY sha256(convert_to($2 || id::text, 'UTF8')) LIMIT $3
"""
