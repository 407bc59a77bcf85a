"""An Iceberg table in a catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.errors import AnalysisException
from typing_extensions import override

from shopsmart_etl.io._catalog import CatalogTable, iceberg_options
from shopsmart_etl.io._new_fields import NewField, unreadable_in_iceberg
from shopsmart_etl.io._targets import WriteJob


class IcebergTable(CatalogTable):
    """An Iceberg table, which has a name and no path."""

    format = "iceberg"

    @override
    def unreadable_fields(self, new: Sequence[NewField]) -> list[str]:
        return unreadable_in_iceberg(new)

    @override
    def _options(self, job: WriteJob) -> Mapping[str, Any]:
        return iceberg_options(job)

    @override
    def _stream_options(self, job: WriteJob) -> Mapping[str, Any]:
        # Without it Iceberg requires the rows of each task sorted by partition, and those of a stream are not.
        return {**self._options(job), "fanout-enabled": "true"}

    @override
    def _replacement_options(self) -> Mapping[str, Any]:
        # Without it Iceberg replaces rows that another writer has added since.
        try:
            main = self._spark.table(f"{self._identifier}.refs").where("name = 'main'").select("snapshot_id").collect()
        except AnalysisException:  # a catalog without tables of metadata
            return {}
        snapshot = {"validate-from-snapshot-id": str(main[0][0])} if main else {}
        return {"isolation-level": "serializable", **snapshot}
