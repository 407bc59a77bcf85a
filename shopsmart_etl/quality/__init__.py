"""Check rows against rules, set invalid rows apart, and count what a chain does."""

from shopsmart_etl.quality.audit import Audit, AuditReport
from shopsmart_etl.quality.rules import Rule, country_code, in_range, matches, not_null, one_of, unique
from shopsmart_etl.quality.violations import flag_violations, keep_invalid, keep_valid, quarantine

__all__ = [
    "Audit",
    "AuditReport",
    "Rule",
    "country_code",
    "flag_violations",
    "in_range",
    "keep_invalid",
    "keep_valid",
    "matches",
    "not_null",
    "one_of",
    "quarantine",
    "unique",
]
