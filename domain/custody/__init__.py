"""The face of custody: what buyers own, beside what somebody holds for them."""

from domain.custody.models import CustodyReport
from domain.custody.ports import CustodyPort
from domain.custody.service import SHORT, check_custody, check_day, custodian, list_reports

__all__ = [
    "SHORT",
    "CustodyPort",
    "CustodyReport",
    "check_custody",
    "check_day",
    "custodian",
    "list_reports",
]
