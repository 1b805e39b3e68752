"""How fields are answered: thin, batch-loaded. The enumerations are registered before all else."""

from resolvers import enums

__all__ = ["enums"]
