"""The card book: every unit of goods in exactly one place, and each move of it (mission row F3).

Its journal is the chained trace of cards, read as moves by the view `card_moves`. Folios sum the
journal up, day by day and batch by batch, and are chained themselves; balances say what is where.
"""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class CardFolio(Model):
    """Some links of the trace that were summed up. Never changed; `digest` chains it."""

    number = fields.BigIntField(primary_key=True, generated=False)
    first_link = fields.BigIntField()
    last_link = fields.BigIntField()
    units = fields.BigIntField()
    digest = fields.BinaryField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "card_folios"
        constraints = (
            CheckConstraint(check="last_link >= first_link", name="folio_links_in_order"),
            UniqueConstraint(fields=("first_link",), name="folio_of_its_links_once"),
        )


class CardFolioMove(Model):
    """Units of one batch that went from one place to another on one day, and what they cost."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    folio = fields.BigIntField()
    day = fields.DateField()
    batch_id = fields.UUIDField()
    from_place = fields.CharField(max_length=16)
    to_place = fields.CharField(max_length=16)
    units = fields.BigIntField()
    cost = fields.BigIntField()  # in units of 1/10000 of the batch's currency

    class Meta:
        table = "card_folio_moves"
        indexes = (("day",), ("folio",))
        constraints = (
            CheckConstraint(
                check="units > 0 AND cost >= 0 AND from_place <> to_place",
                name="folio_move_of_something",
            ),
        )


class CardBalance(Model):
    """How many units of a batch are at one place; the sum of its folio moves."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    batch_id = fields.UUIDField()
    place = fields.CharField(max_length=16)
    currency = fields.CharField(max_length=3)
    units = fields.BigIntField()  # outside runs negative; elsewhere only a forged trace would
    cost = fields.BigIntField()

    class Meta:
        table = "card_balances"
        unique_together = (("batch_id", "place"),)
