"""The face of the audit log."""

from domain.audit.models import AuditEntry
from domain.audit.service import list_entries, record

__all__ = ["AuditEntry", "list_entries", "record"]
