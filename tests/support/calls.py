"""A valid call of each public function, class and method, for tests of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructType

from shopsmart_etl import (
    Audit,
    AuditReport,
    FileOptions,
    RelationalModel,
    Relations,
    Rule,
    flatten_struct,
    relationalize,
    rules,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame

# The columns that the calls use.
SCHEMA = """id INT, user STRING, event STRING, amount DECIMAL(10, 2), price STRING, units INT, country STRING,
    time TIMESTAMP, day DATE, tags ARRAY<STRING>, attributes MAP<STRING, STRING>, tags_pos INT,
    buyer STRUCT<name: STRING, zip: STRING>, customer_name STRING, sketch BINARY, broken ARRAY<STRING>"""

# Arguments of the functions that return a step.
STEPS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "active_users": ((), {"user": "user", "timestamp": "time"}),
    "cohort_retention": ((), {"user": "user", "timestamp": "time"}),
    "conform": (("id BIGINT, user STRING",), {"on_extra": "drop"}),
    "daily_active_users": ((), {"user": "user", "timestamp": "time"}),
    "daily_revenue": ((), {"amount": "amount", "timestamp": "time"}),
    "deduplicate": (("id",), {"latest_by": "time"}),
    "estimate_users": ((), {"period": "week", "day_column": "day", "sketch_column": "sketch"}),
    "explode_arrays": (("tags",), {}),
    "explode_map": (("attributes",), {}),
    # Not a Rule with SQL of its own, which is analyzed once more on Spark Connect.
    "flag_violations": ((rules.in_range("units", min_value=0),), {}),
    "flatten_struct": ((), {"sep": "."}),
    "impute_financials": (("amount", "units"), {}),
    "keep_invalid": ((), {"violations_column": "broken"}),
    "keep_valid": ((), {"violations_column": "broken"}),
    "map_fields": ((F.upper, "user", "country"), {}),
    "nest_struct": (("customer STRUCT<name: STRING>",), {}),
    "new_and_returning_users": ((), {"user": "user", "timestamp": "time"}),
    "null_repeated": (("amount",), {"position_column": "tags_pos"}),
    "order_metrics": ((), {"order": "id", "amount": "amount"}),
    "parse_money": (("price",), {}),
    "pipeline": ((flatten_struct(),), {}),
    "revenue": ((), {"amount": "amount", "by": "country"}),
    "scale_minor_units": (("units",), {"currency": "country"}),
    "session_funnel": (("view", "buy"), {"user": "user", "timestamp": "time", "event": "event"}),
    "sketch_users": ((), {"user": "user", "timestamp": "time"}),
    "snake_case_columns": ((), {}),
    "surrogate_key": (("user", "id"), {"key_column": "order_key"}),
    "top_products": ((3,), {"product": "event", "amount": "amount"}),
}


def other_calls(df: DataFrame, path: Path) -> dict[str, tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return arguments of the functions that need a session, a DataFrame or a path, or do not return a step."""
    spark = df.sparkSession
    tables = relationalize(df, root="orders", key="id")
    return {
        "compact_table": ((spark, path), {}),
        "convert_currency": (("amount",), {"currency": "country", "timestamp": "time", "rates": df, "to": "EUR"}),
        "expand_variant": (("payload",), {"schema": "id INT"}),
        "filter_affected": ((df,), {"by": "country"}),
        "infer_schema": ((spark, path), {"format": "json"}),
        "lookup": ((df,), {"on": "id", "columns": "day"}),
        "median_by": (("country",), {}),
        "plan_ahead": ((flatten_struct(),), {"like": df}),
        "quarantine": ((), {"into": write_table(path), "violations_column": "broken"}),
        "read_csv_logs": ((spark, path), {"schema": "id INT"}),
        "read_json_payloads": ((spark, path), {"schema": "id INT"}),
        "rebuild_documents": ((tables,), {"model": tables.model}),
        "relationalize": ((df,), {"root": "orders", "key": "id", "carry": "country"}),
        "write_partitioned": ((path,), {"by": "country"}),
        "write_stream": ((path,), {"checkpoint": path}),
        "write_table": ((path,), {}),
    }


def class_calls() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Return calls of the rules, of the classes that users instantiate, and of the methods that have parameters."""
    audit, step, schema = Audit(), flatten_struct(), StructType().add("id", IntegerType())
    model = RelationalModel(schema, root="orders", key="id")
    report = AuditReport(rows={"rows": 1, "quarantined": 0}, dropped={"duplicates": 0}, violations={"id": 0})
    return {
        "Audit": (Audit, (), {}),
        "Audit.count": (audit.count, ("rows",), {}),
        "Audit.dropped": (audit.dropped, ("duplicates", step), {}),
        "Audit.filled": (audit.filled, ("amount",), {}),
        "Audit.missing": (audit.missing, ("amount",), {}),
        "Audit.report": (audit.report, (), {"rows_in": "rows"}),
        "Audit.reports": (audit.reports, (), {"rows_in": "rows"}),
        "Audit.violations": (audit.violations, (rules.not_null("id"),), {}),
        "AuditReport.check": (report.check, (), {"max_violations": 0.1}),
        "FileOptions": (FileOptions, (), {}),
        "RelationalModel": (RelationalModel, (schema,), {"root": "orders", "key": "id"}),
        "RelationalModel.children": (model.children, (model.root,), {}),
        "Relations": (Relations, (model, {}), {}),
        "Rule": (Rule, ("id is positive", "id > 0"), {}),
        "Step.__call__": (step.__call__, (None,), {}),
        "Step.preview": (step.preview, (schema,), {}),
        "rules.country_code": (rules.country_code, ("country",), {}),
        "rules.currency_code": (rules.currency_code, ("country",), {}),
        "rules.in_order": (rules.in_order, ("units", "units"), {"allow_equal": True}),
        "rules.in_range": (rules.in_range, ("units",), {"min_value": 0}),
        "rules.matches": (rules.matches, ("country", "[A-Z]+"), {}),
        "rules.not_blank": (rules.not_blank, ("country",), {}),
        "rules.not_null": (rules.not_null, ("id",), {}),
        "rules.one_of": (rules.one_of, ("country", "IE"), {}),
        "rules.unique": (rules.unique, ("id",), {}),
    }
