"""Use cases of agreements: a version is published, and accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import audit
from domain.agents import AgentType, Deed
from domain.agreements.models import Acceptance, AgreementVersion
from domain.agreements.refusals import AgreementTextDiffers
from domain.agreements.rules import digest_of, version_faults
from domain.kernel import (
    Actor,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "agreements:write"
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('agreements.publish'))"
_LANGUAGES = ("zh", "en")
_ACCEPT = """
INSERT INTO agreement_acceptances (id, user_id, agreement, version, digest, language, accepted_at,
    ip, client, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (user_id, agreement, version) DO NOTHING RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """A version as the house wants to publish it; without `effective_at` it is in force at once."""

    agreement: str
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    types: Sequence[AgentType]
    blocks: Sequence[Deed]
    effective_at: datetime | None = None

    @property
    def words(self) -> tuple[str, str, str, str]:
        """All that somebody agrees to."""
        return self.title_zh, self.title_en, self.text_zh, self.text_en


async def publish_agreement(actor: Actor, draft: VersionDraft) -> AgreementVersion:
    """Publish the next version of an agreement, or the first (mission row G19). Audited.

    Needs `agreements:write`. It counts from `effective_at` on: until then agents may accept it
    beforehand, and what they accepted before still counts. Refuses wrong values, and a time that is
    over, or earlier than that of a version before (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    types = [each.value for each in dict.fromkeys(draft.types)]
    titles, texts = (draft.title_zh, draft.title_en), (draft.text_zh, draft.text_en)
    faults = version_faults(draft.agreement, titles, texts, types)
    if faults:
        raise Refused(*faults)
    async with transaction() as conn:
        await conn.execute(_ALONE)
        moment = clock.now()
        effective = draft.effective_at or moment
        before = (
            await AgreementVersion.filter(agreement=draft.agreement).order_by("-version").first()
        )
        in_order = effective >= (max(moment, before.effective_at) if before else moment)
        refuse_unless(in_order, Invalid(reason="agreement_time", field=("effectiveAt",)))
        version = await AgreementVersion.create(
            agreement=draft.agreement,
            version=before.version + 1 if before else 1,
            title_zh=draft.title_zh,
            title_en=draft.title_en,
            text_zh=draft.text_zh,
            text_en=draft.text_en,
            digest=digest_of(*draft.words),
            types=types,
            blocks=[each.value for each in dict.fromkeys(draft.blocks)],
            effective_at=effective,
            published_by=actor.user_id,
            published_at=moment,
        )
        details = {
            "agreement": version.agreement,
            "version": version.version,
            "types": version.types,
            "blocks": version.blocks,
            "effectiveAt": effective.isoformat(),
        }
        await audit.record(conn, actor, "agreement.publish", version.id, details)
        payload = {"agreementVersionId": encode_id(Prefix.AGREEMENT_VERSION, version.id), **details}
        await record_events(conn, [Event("agreement.published", version.id, 1, payload)])
    wake_relay()
    return version


async def accept_agreement(
    actor: Actor, version_id: UUID, digest: str, language: str, client: str = ""
) -> Acceptance:
    """Accept a version, whose text was shown to the caller; again, and it stays as it was.

    `digest` is that of the version, in hex: whoever saw another text accepts nothing
    (AGREEMENT_TEXT_DIFFERS). Refuses an unknown version. Who, when, from where, in which language
    and what text is kept for good, and audited.
    """
    user = actor.require_user()
    version = await AgreementVersion.filter(id=version_id).first()
    if version is None:
        raise Refused(NotFound(what="agreement", field=("agreementVersionId",)))
    shown = digest.strip().lower() == version.digest.hex()
    refuse_unless(shown, AgreementTextDiffers(field=("digest",)))
    seen = (version.digest, language if language in _LANGUAGES else "en", clock.now())
    where = (actor.ip[:64], client[:200], actor.request_id[:64])
    async with transaction() as conn:
        named = (user, version.agreement, version.version)
        if await conn.fetchval(_ACCEPT, new_id(), *named, *seen, *where):
            details = {"agreement": version.agreement, "version": version.version}
            await audit.record(conn, actor, "agreement.accept", version.id, details)
        return await Acceptance.get(
            user_id=user, agreement=version.agreement, version=version.version
        )
