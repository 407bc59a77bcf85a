"""Composable PySpark transformers for e-commerce data: flatten, explode, impute, partition, aggregate."""

import shopsmart_etl._core.require_pyspark  # noqa: F401 - first, to explain how to install PySpark
from shopsmart_etl import cleaning, compose, errors, gold, io, nested, quality
from shopsmart_etl._core.spark_errors import translate_errors
from shopsmart_etl._core.step import Step
from shopsmart_etl._core.text_table import TextTable
from shopsmart_etl.cleaning import *  # noqa: F403 - each area lists its public names
from shopsmart_etl.compose import *  # noqa: F403
from shopsmart_etl.errors import *  # noqa: F403
from shopsmart_etl.gold import *  # noqa: F403
from shopsmart_etl.io import *  # noqa: F403
from shopsmart_etl.nested import *  # noqa: F403
from shopsmart_etl.quality import *  # noqa: F403
from shopsmart_etl.typing import Transform

__version__ = "0.1.0"

__all__ = ["Step", "TextTable", "Transform", "translate_errors"]
__all__ += cleaning.__all__
__all__ += compose.__all__
__all__ += errors.__all__
__all__ += gold.__all__
__all__ += io.__all__
__all__ += nested.__all__
__all__ += quality.__all__


def __dir__() -> list[str]:
    """List only the public names."""
    return sorted([*__all__, "__version__"])
