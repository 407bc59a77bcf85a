"""Read raw files, and write and maintain tables."""

from shopsmart_etl.io.compact import Compaction, compact_table
from shopsmart_etl.io.file_options import FileOptions
from shopsmart_etl.io.inference import infer_schema
from shopsmart_etl.io.read_csv import read_csv_logs
from shopsmart_etl.io.read_json import read_json_payloads
from shopsmart_etl.io.read_options import CsvOptions, InferOptions, JsonOptions, ReadOptions
from shopsmart_etl.io.write import write_partitioned, write_stream, write_table

__all__ = [
    "Compaction",
    "CsvOptions",
    "FileOptions",
    "InferOptions",
    "JsonOptions",
    "ReadOptions",
    "compact_table",
    "infer_schema",
    "read_csv_logs",
    "read_json_payloads",
    "write_partitioned",
    "write_stream",
    "write_table",
]
