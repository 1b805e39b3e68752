"""The face of promotion: agents' links, who came by them, posters and texts to share."""

from domain.promotion.facts import PATH, Facts, facts_of, spoken, url_of
from domain.promotion.library import (
    Copy,
    Picture,
    PosterChoice,
    Shared,
    is_look,
    share_hot_goods,
    shared_of,
)
from domain.promotion.models import PosterTheme, PromoLink, PromoState, PromoTemplate, TextKind
from domain.promotion.posters import Box, Code, Poster, Words, poster_of
from domain.promotion.queries import NOTHING, Figures, figures_of, list_links
from domain.promotion.refusals import PromoLinksTooMany
from domain.promotion.service import (
    Landing,
    attribution,
    create_link,
    end_link,
    forget_visits,
    land,
    visit,
)
from domain.promotion.statements import TOUCHED
from domain.promotion.templates import (
    TemplateDraft,
    TemplateScope,
    list_templates,
    review_template,
    save_template,
)

__all__ = [
    "NOTHING",
    "PATH",
    "TOUCHED",
    "Box",
    "Code",
    "Copy",
    "Facts",
    "Figures",
    "Landing",
    "Picture",
    "Poster",
    "PosterChoice",
    "PosterTheme",
    "PromoLink",
    "PromoLinksTooMany",
    "PromoState",
    "PromoTemplate",
    "Shared",
    "TemplateDraft",
    "TemplateScope",
    "TextKind",
    "Words",
    "attribution",
    "create_link",
    "end_link",
    "facts_of",
    "figures_of",
    "forget_visits",
    "is_look",
    "land",
    "list_links",
    "list_templates",
    "poster_of",
    "review_template",
    "save_template",
    "share_hot_goods",
    "shared_of",
    "spoken",
    "url_of",
    "visit",
]
