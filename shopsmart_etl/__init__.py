"""Composable PySpark transformers for e-commerce data: flatten, explode, impute, partition, aggregate."""

import shopsmart_etl._pyspark  # noqa: F401 - first, since it says what to do where PySpark is missing
from shopsmart_etl.audit import Audit, AuditReport
from shopsmart_etl.compact import Compaction, compact_partitions
from shopsmart_etl.conform import conform
from shopsmart_etl.deduplicate import deduplicate
from shopsmart_etl.denormalize import denormalize
from shopsmart_etl.errors import (
    AuditIncompleteError,
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    HeaderMismatchError,
    InexactFillError,
    InvalidArgumentError,
    KeyNotUniqueError,
    PartitionError,
    SchemaDriftError,
    ShopSmartError,
    SiblingArraysError,
    SourceNotFoundError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    WriteConflictError,
)
from shopsmart_etl.expand_variant import expand_variant
from shopsmart_etl.explode import explode_arrays
from shopsmart_etl.explode_map import explode_map
from shopsmart_etl.fills import median_by
from shopsmart_etl.flatten import flatten_struct
from shopsmart_etl.gold_cohorts import cohort_retention
from shopsmart_etl.gold_products import top_products
from shopsmart_etl.gold_revenue import daily_revenue, order_figures, revenue_by
from shopsmart_etl.gold_sessions import session_funnel
from shopsmart_etl.gold_sketches import estimate_users, sketch_users
from shopsmart_etl.gold_users import (
    daily_active_users,
    monthly_active_users,
    new_and_returning_users,
    weekly_active_users,
)
from shopsmart_etl.impute import impute_financials
from shopsmart_etl.infer_schema import infer_schema
from shopsmart_etl.keep_once import keep_once
from shopsmart_etl.keep_touched import keep_touched
from shopsmart_etl.money import MISSING_AMOUNTS, parse_money
from shopsmart_etl.nest import nest_struct
from shopsmart_etl.pipeline import pipeline
from shopsmart_etl.plan_ahead import plan_ahead
from shopsmart_etl.quality import flag_violations, keep_invalid, keep_valid
from shopsmart_etl.quarantine import quarantine
from shopsmart_etl.read_csv import read_csv_logs
from shopsmart_etl.read_json import read_json_payloads
from shopsmart_etl.relationalize import Relations, relationalize
from shopsmart_etl.relations import RelationalModel
from shopsmart_etl.rules import Rule, country_code, in_range, matches, not_null, one_of, unique
from shopsmart_etl.typing import Transform
from shopsmart_etl.write import write_partitioned

__all__ = [
    "MISSING_AMOUNTS",
    "Audit",
    "AuditIncompleteError",
    "AuditReport",
    "ColumnClashError",
    "ColumnNotFoundError",
    "ColumnTypeError",
    "Compaction",
    "HeaderMismatchError",
    "InexactFillError",
    "InvalidArgumentError",
    "KeyNotUniqueError",
    "PartitionError",
    "RelationalModel",
    "Relations",
    "Rule",
    "SchemaDriftError",
    "ShopSmartError",
    "SiblingArraysError",
    "SourceNotFoundError",
    "TargetExistsError",
    "TargetMismatchError",
    "Transform",
    "UnsupportedError",
    "WriteConflictError",
    "cohort_retention",
    "compact_partitions",
    "conform",
    "country_code",
    "daily_active_users",
    "daily_revenue",
    "deduplicate",
    "denormalize",
    "estimate_users",
    "expand_variant",
    "explode_arrays",
    "explode_map",
    "flag_violations",
    "flatten_struct",
    "impute_financials",
    "in_range",
    "infer_schema",
    "keep_invalid",
    "keep_once",
    "keep_touched",
    "keep_valid",
    "matches",
    "median_by",
    "monthly_active_users",
    "nest_struct",
    "new_and_returning_users",
    "not_null",
    "one_of",
    "order_figures",
    "parse_money",
    "pipeline",
    "plan_ahead",
    "quarantine",
    "read_csv_logs",
    "read_json_payloads",
    "relationalize",
    "revenue_by",
    "session_funnel",
    "sketch_users",
    "top_products",
    "unique",
    "weekly_active_users",
    "write_partitioned",
]
