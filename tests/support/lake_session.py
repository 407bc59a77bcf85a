"""The session of the tests on the real Delta Lake and Iceberg, whose jars ``make test-lake`` brings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

JARS = sorted(Path(os.environ.get("SHOPSMART_JARS", "none")).glob("*.jar"))


def lake_session(home: Path) -> SparkSession:
    """Start a session whose catalogs have their tables in a folder."""
    builder = SparkSession.builder.master("local[2]").config(
        map={
            "spark.jars": ",".join(map(str, JARS)),
            "spark.log.level": "OFF",
            "spark.pyspark.python": sys.executable,
            "spark.sql.catalog.ice": "org.apache.iceberg.spark.SparkCatalog",
            # Tests read what other processes have written.
            "spark.sql.catalog.ice.cache-enabled": "false",
            "spark.sql.catalog.ice.type": "hadoop",
            "spark.sql.catalog.ice.warehouse": str(home / "iceberg"),
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension,"
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(home / "warehouse"),
            "spark.ui.enabled": "false",
        }
    )
    return builder.getOrCreate()
