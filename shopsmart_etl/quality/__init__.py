"""Check rows against rules, separate the invalid ones, and count what a chain does."""

from shopsmart_etl.quality import rules
from shopsmart_etl.quality._rule import Rule
from shopsmart_etl.quality.audit import Audit
from shopsmart_etl.quality.audit_report import AuditReport
from shopsmart_etl.quality.quarantining import quarantine
from shopsmart_etl.quality.violations import flag_violations, keep_invalid, keep_valid

__all__ = [
    "Audit",
    "AuditReport",
    "Rule",
    "flag_violations",
    "keep_invalid",
    "keep_valid",
    "quarantine",
    "rules",
]
