"""The face of the audit log."""

from domain.audit.service import record

__all__ = ["record"]
