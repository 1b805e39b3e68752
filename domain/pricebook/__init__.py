"""The face of the price book: what each agent pays."""

from domain.pricebook.advertising import Advertised, advertised
from domain.pricebook.floors import Floor, floors_of, require_floors, sees_floors, show_floors
from domain.pricebook.importing import (
    OwnPricesWish,
    begin_own_prices,
    export_own_prices,
    import_own_prices,
    work_off_own_prices,
)
from domain.pricebook.judging import refuse_inverted
from domain.pricebook.ladder_tables import (
    LadderTable,
    LadderTableWish,
    begin_ladders,
    export_price_ladders,
    export_volume_ladders,
    import_ladders,
    work_off_ladders,
)
from domain.pricebook.ladders import LadderWish, set_ladder
from domain.pricebook.models import (
    AgentPrice,
    AgentVolume,
    FloorGrant,
    PriceLadder,
    VolumeLadder,
)
from domain.pricebook.queries import (
    PricedVariant,
    agent_prices_of,
    ladders_of,
    least_agent_prices,
    list_agent_prices,
    list_priced,
)
from domain.pricebook.refusals import AgentPriceFixed, AgentPriceInverted, FloorPriceHidden
from domain.pricebook.rules import LadderStep, Step, VolumeStep, own_by_list, paid_up
from domain.pricebook.service import AgentPriceWish, end_agent_price, set_agent_price
from domain.pricebook.statements import OWN_PRICES
from domain.pricebook.volumes import (
    keep_volumes,
    list_volume_ladders,
    set_volume_ladder,
    volume_in_force,
    wants_volumes,
)

__all__ = [
    "OWN_PRICES",
    "Advertised",
    "AgentPrice",
    "AgentPriceFixed",
    "AgentPriceInverted",
    "AgentPriceWish",
    "AgentVolume",
    "Floor",
    "FloorGrant",
    "FloorPriceHidden",
    "LadderStep",
    "LadderTable",
    "LadderTableWish",
    "LadderWish",
    "OwnPricesWish",
    "PriceLadder",
    "PricedVariant",
    "Step",
    "VolumeLadder",
    "VolumeStep",
    "advertised",
    "agent_prices_of",
    "begin_ladders",
    "begin_own_prices",
    "end_agent_price",
    "export_own_prices",
    "export_price_ladders",
    "export_volume_ladders",
    "floors_of",
    "import_ladders",
    "import_own_prices",
    "keep_volumes",
    "ladders_of",
    "least_agent_prices",
    "list_agent_prices",
    "list_priced",
    "list_volume_ladders",
    "own_by_list",
    "paid_up",
    "refuse_inverted",
    "require_floors",
    "sees_floors",
    "set_agent_price",
    "set_ladder",
    "set_volume_ladder",
    "show_floors",
    "volume_in_force",
    "wants_volumes",
    "work_off_ladders",
    "work_off_own_prices",
]
