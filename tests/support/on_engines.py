"""The functions whose results on an engine differ from those on Spark 4.3, for the table in docs/engines.md."""

from __future__ import annotations

COLUMNS = ("Spark 3.5", "Spark 4.0 to 4.3", "Spark Connect", "Sail 0.7")

_LARGE_SUMS = {"Sail 0.7": "equal; decimals of more than 28 digits are refused"}
_OBSERVATIONS = "equal; see below"
_NO_FILES = {"Sail 0.7": "refused"}

ON_ENGINES: dict[str, dict[str, str]] = {
    "Audit": {
        "Spark 3.5": _OBSERVATIONS,
        "Spark 4.0 to 4.3": _OBSERVATIONS,
        "Spark Connect": "equal from 4.2 on; see below",
        "Sail 0.7": "refused; `Audit(use_observation=False)` is equal",
    },
    "compact_table": _NO_FILES,
    "conform": {"Sail 0.7": 'equal; `on_extra="rescue"` is refused; a map whose values change fails'},
    "convert_currency": {"Sail 0.7": 'equal; `rounding="half_even"` fails'},
    "daily_revenue": _LARGE_SUMS,
    "deduplicate": {"Sail 0.7": "equal; a stream fails"},
    "expand_variant": {"Spark 3.5": "no variants", "Sail 0.7": "fails"},
    "infer_schema": _NO_FILES,
    "lookup": {"Sail 0.7": "refused"},
    "order_metrics": _LARGE_SUMS,
    "parse_money": {"Sail 0.7": "equal; an amount with an exponent (`1e3`) fails"},
    "quarantine": _NO_FILES,
    "read_csv_logs": _NO_FILES,
    "read_json_payloads": _NO_FILES,
    "rebuild_documents": {"Sail 0.7": "equal; a document with several arrays or maps fails"},
    "revenue": _LARGE_SUMS,
    "surrogate_key": {"Sail 0.7": "refused"},
    "top_products": _LARGE_SUMS,
    "write_partitioned": _NO_FILES,
    "write_stream": _NO_FILES,
    "write_table": _NO_FILES,
}
