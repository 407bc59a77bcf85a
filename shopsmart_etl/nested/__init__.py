"""Reshape nested documents: flatten, nest, explode, and split into related tables."""

from shopsmart_etl.nested._tables import RelationalColumn, RelationalTable
from shopsmart_etl.nested.explode import explode_arrays
from shopsmart_etl.nested.flatten import flatten_struct
from shopsmart_etl.nested.maps import explode_map
from shopsmart_etl.nested.nest import nest_struct
from shopsmart_etl.nested.rebuild import rebuild_documents
from shopsmart_etl.nested.relational_model import RelationalModel
from shopsmart_etl.nested.relations import Relations, relationalize
from shopsmart_etl.nested.repeated import null_repeated
from shopsmart_etl.nested.variant import expand_variant

__all__ = [
    "RelationalColumn",
    "RelationalModel",
    "RelationalTable",
    "Relations",
    "expand_variant",
    "explode_arrays",
    "explode_map",
    "flatten_struct",
    "nest_struct",
    "null_repeated",
    "rebuild_documents",
    "relationalize",
]
