"""Adapters of providers of real-name checks."""
