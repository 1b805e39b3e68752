"""One-time codes are counted per recipient; uncertain messages are found at once."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

INDEXES = """
CREATE INDEX claim_links_recipient ON claim_links (recipient_digest)
    WHERE recipient_digest IS NOT NULL;
CREATE INDEX notifications_uncertain ON notifications (id) WHERE state = 'uncertain';
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0023_details")]

    operations = [RunSQL(INDEXES)]
