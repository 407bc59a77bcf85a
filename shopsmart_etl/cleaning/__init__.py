"""Clean values: match a schema, parse and impute amounts, drop duplicates, look up columns by key."""

from shopsmart_etl.cleaning.conform_options import ConformOptions
from shopsmart_etl.cleaning.conforming import conform
from shopsmart_etl.cleaning.conversion import convert_currency
from shopsmart_etl.cleaning.duplicates import deduplicate
from shopsmart_etl.cleaning.fills import median_by
from shopsmart_etl.cleaning.impute import impute_financials
from shopsmart_etl.cleaning.lookups import lookup
from shopsmart_etl.cleaning.mapping import map_fields
from shopsmart_etl.cleaning.minor_units import scale_minor_units
from shopsmart_etl.cleaning.money import MISSING_AMOUNTS, parse_money
from shopsmart_etl.cleaning.names import snake_case_columns
from shopsmart_etl.cleaning.surrogate_keys import surrogate_key

__all__ = [
    "MISSING_AMOUNTS",
    "ConformOptions",
    "conform",
    "convert_currency",
    "deduplicate",
    "impute_financials",
    "lookup",
    "map_fields",
    "median_by",
    "parse_money",
    "scale_minor_units",
    "snake_case_columns",
    "surrogate_key",
]
