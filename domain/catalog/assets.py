"""What an asset of a product is: an address with words for who cannot see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class MediaKind(StrEnum):
    """What an asset is, so that a front end knows how to show it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    PANORAMA = "panorama"
    MODEL_3D = "model_3d"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Media:
    """One asset of a product, with its words in both languages."""

    url: str
    kind: MediaKind = MediaKind.IMAGE
    alt_zh: str = ""
    alt_en: str = ""


def read_media(stored: Sequence[dict[str, str]]) -> list[Media]:
    """The assets as they are stored."""
    return [
        Media(each["url"], MediaKind(each["kind"]), each["alt_zh"], each["alt_en"])
        for each in stored
    ]
