"""Which versions are in force and not accepted; the one place that says so.

Of an agreement the highest version whose time has come counts. Whoever has accepted a later one,
before its time, has accepted it too.
"""

CURRENT = """
g.effective_at <= {moment} AND NOT EXISTS (SELECT 1 FROM agreement_versions later
    WHERE later.agreement = g.agreement AND later.version > g.version
        AND later.effective_at <= {moment})
"""
_ACCEPTED = """
EXISTS (SELECT 1 FROM agreement_acceptances x WHERE x.user_id = {user}
    AND x.agreement = g.agreement AND x.version >= g.version)
"""
# Whether something in force that the agent row `{agent}` has not accepted blocks a deed.
UNACCEPTED = f"""
EXISTS (SELECT 1 FROM agreement_versions g
    WHERE {{deed}} = ANY(g.blocks) AND {{agent}}.type = ANY(g.types) AND {CURRENT}
        AND NOT {_ACCEPTED.format(user="{agent}.user_id")})
"""
BLOCKED = f"""
SELECT {UNACCEPTED.format(agent="a", deed="$2", moment="$3")} FROM agents a WHERE a.id = $1
"""
UNACCEPTED_FOR = f"""
SELECT g.title_en, g.title_zh, g.version FROM agreement_versions g
WHERE $2 = ANY(g.types) AND g.blocks <> '{{}}' AND {CURRENT.format(moment="$3")}
    AND NOT {_ACCEPTED.format(user="$1")}
ORDER BY g.agreement
"""
STANDINGS = """
SELECT g.id, x.version AS accepted_version, x.accepted_at
FROM agreement_versions g LEFT JOIN LATERAL (
    SELECT version, accepted_at FROM agreement_acceptances
    WHERE user_id = $1 AND agreement = g.agreement AND version >= g.version
    ORDER BY version LIMIT 1) x ON true
WHERE g.id = ANY($2::uuid[])
"""
# Those of a type that are in force, and those that will be.
SHOWN = f"""
SELECT g.id FROM agreement_versions g
WHERE ($1::text IS NULL OR $1 = ANY(g.types)) AND (g.effective_at > $2 OR {
    CURRENT.format(moment="$2")
}) ORDER BY g.agreement, g.version
"""
