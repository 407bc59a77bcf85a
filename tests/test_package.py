"""The public surface, and what the package must never do."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from importlib import metadata

import pytest

import shopsmart_etl

pytestmark = pytest.mark.smoke

USERS = "(*, user: 'str', at: 'str', by: 'Sequence[str]' = (), zone: 'str | None' = None) -> 'Transform'"
SURFACE = {
    "daily_active_users": USERS,
    "weekly_active_users": USERS,
    "monthly_active_users": USERS,
    "new_and_returning_users": "(*, user: 'str', at: 'str', every: 'Every' = 'day', by: 'Sequence[str]' = (),"
    " zone: 'str | None' = None) -> 'Transform'",
    "cohort_retention": "(*, user: 'str', at: 'str', zone: 'str | None' = None) -> 'Transform'",
    "session_funnel": "(*steps: 'str', user: 'str', at: 'str', event: 'str',"
    " gap: 'timedelta' = datetime.timedelta(seconds=1800), every: 'Every | None' = None, zone: 'str | None' = None)"
    " -> 'Transform'",
    "sketch_users": "(*, user: 'str', at: 'str', by: 'Sequence[str]' = (), zone: 'str | None' = None,"
    " precision: 'int' = 12) -> 'Transform'",
    "estimate_users": "(*, every: 'Every' = 'day', by: 'Sequence[str]' = (), at: 'str' = 'day',"
    " sketch: 'str' = 'user_sketch') -> 'Transform'",
    "keep_touched": "(new_rows: 'DataFrame', *, by: 'str | Sequence[str]', every: 'Every | None' = None,"
    " zone: 'str | None' = None) -> 'Transform'",
    "daily_revenue": "(*, amount: 'str', at: 'str', by: 'Sequence[str]' = (), zone: 'str | None' = None)"
    " -> 'Transform'",
    "revenue_by": "(*dimensions: 'str', amount: 'str') -> 'Transform'",
    "order_figures": "(*, order: 'str', amount: 'str', at: 'str | None' = None, every: 'Every' = 'day',"
    " by: 'Sequence[str]' = (), zone: 'str | None' = None, refund: 'str | Column | None' = None) -> 'Transform'",
    "top_products": "(n: 'int', *, product: 'str', amount: 'str | None' = None, units: 'str | None' = None,"
    " by: 'Sequence[str]' = (), ties: \"Literal['keep', 'break']\" = 'keep') -> 'Transform'",
    "conform": "(schema: 'StructType', *, on_missing: \"Literal['refuse', 'null']\" = 'refuse',"
    " on_extra: \"Literal['refuse', 'drop', 'keep', 'rescue']\" = 'refuse',"
    " on_mismatch: \"Literal['refuse', 'null']\" = 'refuse', date_formats: 'Sequence[str]' = ('yyyy-MM-dd',),"
    " timestamp_formats: 'Sequence[str]' ="
    " (\"yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]\", 'yyyy-MM-dd HH:mm:ss[.SSSSSS][XXX]'),"
    " mismatched: 'str' = '_mismatched', rescued: 'str' = '_rescued') -> 'Transform'",
    "country_code": "(column: 'str') -> 'Rule'",
    "deduplicate": "(*keys: 'str', latest_by: 'str | Sequence[str] | None' = None) -> 'Transform'",
    "flag_violations": "(*rules: 'Rule', into: 'str' = '_violations') -> 'Transform'",
    "in_range": "(column: 'str', *, least: 'object' = None, most: 'object' = None) -> 'Rule'",
    "infer_schema": "(spark: 'SparkSession', path: 'str', *, files: \"Literal['csv', 'json']\","
    " records: 'str | None' = None, multiline: 'bool' = False, encoding: 'str' = 'UTF-8', sample: 'float' = 1.0)"
    " -> 'str'",
    "keep_invalid": "(*, violations: 'str' = '_violations') -> 'Transform'",
    "keep_valid": "(*, violations: 'str' = '_violations') -> 'Transform'",
    "matches": "(column: 'str', pattern: 'str') -> 'Rule'",
    "not_null": "(column: 'str') -> 'Rule'",
    "one_of": "(column: 'str', *values: 'object') -> 'Rule'",
    "unique": "(*columns: 'str') -> 'Rule'",
    "denormalize": "(tables: 'Mapping[str, DataFrame]', *, model: 'RelationalModel') -> 'DataFrame'",
    "expand_variant": "(column: 'str', *, schema: 'StructType', rescued: 'str | None' = None) -> 'Transform'",
    "explode_map": "(column: 'str', *, key: 'str | None' = None, value: 'str | None' = None) -> 'Transform'",
    "keep_once": "(*columns: 'str', position: 'str | Sequence[str]') -> 'Transform'",
    "relationalize": "(df: 'DataFrame', *, root: 'str', key: 'str | Sequence[str]', sep: 'str' = '_',"
    " present: 'str | None' = None) -> 'Relations'",
    "explode_arrays": "(*columns: 'str', keep_empty: 'bool' = True, position: 'str | None' = None,"
    " siblings: 'Siblings' = 'refuse') -> 'Transform'",
    "flatten_struct": "(*columns: 'str', sep: 'str' = '_', max_depth: 'int | None' = None) -> 'FlattenStep'",
    "impute_financials": "(*columns: 'str', fill: 'Fills | Mapping[str, Fills]' = 0,"
    " flag_suffix: 'str | None' = '_imputed') -> 'Transform'",
    "median_by": "(*by: 'str') -> 'MedianBy'",
    "nest_struct": "(schema: 'StructType', *, sep: 'str' = '_') -> 'Transform'",
    "parse_money": "(*columns: 'str', to: 'DecimalType' = DecimalType(18,2), decimal_mark: \"Literal['.', ',']\" = '.',"
    " missing: 'Sequence[str]' = ('', '-', 'N/A', 'NA', 'NULL', 'NONE', 'NAN', 'ERROR', 'UNKNOWN'),"
    " unreadable: \"Literal['mark', 'refuse']\" = 'mark', flag_suffix: 'str' = '_unreadable') -> 'Transform'",
    "pipeline": "(*steps: 'Transform') -> 'Transform'",
    "plan_ahead": "(*steps: 'Transform', like: 'DataFrame') -> 'Transform'",
    "quarantine": "(path: 'str', *, violations: 'str' = '_violations', through: 'Transform | None' = None)"
    " -> 'Transform'",
    "read_csv_logs": "(spark: 'SparkSession', path: 'str', *, schema: 'StructType | str',"
    " encoding: 'str' = 'UTF-8', multiline: 'bool' = False, trim_header: 'bool' = False,"
    " corrupt_record: 'str' = '_corrupt_record', file_path: 'str | None' = '_file_path',"
    " file_modified: 'str | None' = '_file_modified', stream: 'bool' = False) -> 'DataFrame'",
    "read_json_payloads": "(spark: 'SparkSession', path: 'str', *, schema: 'StructType | str',"
    " records: 'str | None' = None, multiline: 'bool' = False, corrupt_record: 'str' = '_corrupt_record',"
    " file_path: 'str | None' = '_file_path', file_modified: 'str | None' = '_file_modified',"
    " stream: 'bool' = False) -> 'DataFrame'",
    "compact_partitions": "(spark: 'SparkSession', path: 'str', *, by: 'str | Sequence[str]',"
    " sort_by: 'str | Sequence[str]' = (), target_file_size: 'int' = 134217728) -> 'Compaction'",
    "write_partitioned": "(path: 'str | None' = None, *, by: 'str | Sequence[str]', table: 'str | None' = None,"
    " format: 'TableFormat | None' = None, if_exists: 'IfExists' = 'error',"
    " new_columns: \"Literal['refuse', 'add']\" = 'refuse', sort_by: 'str | Sequence[str]' = (),"
    " target_file_size: 'int' = 134217728, max_partitions: 'int | None' = 1000, checkpoint: 'str | None' = None)"
    " -> 'Transform'",
}
ERRORS = {
    "AuditIncompleteError",
    "ColumnClashError",
    "ColumnNotFoundError",
    "ColumnTypeError",
    "HeaderMismatchError",
    "InexactFillError",
    "InvalidArgumentError",
    "KeyNotUniqueError",
    "PartitionError",
    "SchemaDriftError",
    "ShopSmartError",
    "SiblingArraysError",
    "SourceNotFoundError",
    "TargetExistsError",
    "TargetMismatchError",
    "UnsupportedError",
    "WriteConflictError",
}


def test_the_public_functions_are_these_with_these_signatures() -> None:
    functions = {name: getattr(shopsmart_etl, name) for name in shopsmart_etl.__all__ if name.islower()}
    assert {name: str(inspect.signature(function)) for name, function in functions.items()} == SURFACE


def test_the_other_public_names_are_the_errors_and_the_types() -> None:
    assert {name for name in shopsmart_etl.__all__ if not name.islower()} == ERRORS | {
        "Audit",
        "AuditReport",
        "Compaction",
        "MISSING_AMOUNTS",
        "RelationalModel",
        "Relations",
        "Rule",
        "Transform",
    }
    for name in ERRORS:
        assert issubclass(getattr(shopsmart_etl, name), shopsmart_etl.ShopSmartError)


def test_dir_shows_the_public_names_alone() -> None:
    assert dir(shopsmart_etl) == sorted([*shopsmart_etl.__all__, "__version__"])


def test_the_version_has_one_source() -> None:
    assert shopsmart_etl.__version__ == metadata.version("shopsmart-etl")


@pytest.mark.parametrize(
    "name", [name for name in shopsmart_etl.__all__ if name not in ("MISSING_AMOUNTS", "Transform")]
)
def test_the_types_in_every_signature_can_be_looked_up(name: str) -> None:
    public = getattr(shopsmart_etl, name)
    methods = [method for key, method in vars(public).items() if not key.startswith("_") and inspect.isfunction(method)]
    for function in methods if inspect.isclass(public) else [public]:
        assert typing.get_type_hints(function)


def test_without_pyspark_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['pyspark'] = None; import shopsmart_etl"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: shopsmart_etl needs PySpark 3.5 or newer: pip install 'pyspark>=3.5,<5' "
        "(on Databricks nothing is needed: the cluster brings its own)"
    )
