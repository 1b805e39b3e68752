"""What each table is made of."""

from typing import Any

from tortoise.models import Model as TortoiseModel
from tortoise.models import ModelMeta


class _WithoutComments(ModelMeta):
    """Tortoise looks for comments on columns in the source of each model, and parses the whole file
    anew for each: a fifth of the time that a process took to start. We have none of them."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return super().__new__(cls, name, bases, {"_no_comments": True, **attrs})


class Model(TortoiseModel, metaclass=_WithoutComments):
    """A table of ours."""

    class Meta:
        abstract = True
