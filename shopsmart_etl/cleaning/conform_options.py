"""The options of ``conform``, and the settings that they are checked into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from typing_extensions import Self, TypedDict

from shopsmart_etl._core.checks import check_column, check_options, check_texts
from shopsmart_etl._core.text_casts import EPOCH_UNITS, ISO_8601, Formats, check_formats
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.typing import Shape

_SHAPES = ("single_object", "empty_array")


class ConformOptions(TypedDict, total=False):
    """The options of ``conform``. The formats have the names and meanings that they have in the readers.

    Attributes:
        date_formats: The formats of dates in text: ``"iso8601"`` (the default: ``2026-01-31``) or Spark's datetime
            patterns; the first that matches is used. Text with a time of day is no date, nor is text with another
            offset than that of the session's time zone, in which its day may be another one.
        timestamp_formats: The formats of timestamps in text and the units of those in numbers: ``"iso8601"`` (the
            default: ``2026-01-31T10:00``, with ``T`` or a space, seconds, at most six decimals and an offset where they
            are needed), Spark's datetime patterns, or ``"epoch_seconds"``, ``"epoch_millis"``, ``"epoch_micros"``,
            ``"epoch_nanos"``. Numbers are read by the first unit that gives a time of the years 1 to 9999 in whole
            microseconds; without a unit they are mismatches. Text without an offset is in the session's time zone; a
            time that a change to summer time leaves out is a mismatch, and of one that occurs twice, the earlier is
            used.
        accept_shapes: The changes of shape to accept, at any depth; none by default. ``"single_object"``: an object
            (struct or map) where the schema has an array of objects is the only element of the array, and null stays
            null. ``"empty_array"``: an empty array where the schema has an object is an empty object, a struct of
            nulls or an empty map, as PHP writes ``{}`` as ``[]``; null stays null, and an array with elements is a
            mismatch, even with only one.
        mismatched_column: With ``on_mismatch="null"``, the name of the column with the paths of mismatches, an array
            of strings that is never null; ``"_mismatched"`` by default. ``keep_valid`` and ``quarantine`` can read it.
        rescued_column: With ``on_extra="rescue"``, the name of the column with the rescued values, as JSON text of the
            input's structure; null where nothing is rescued. ``"_rescued"`` by default.
    """

    date_formats: Sequence[str]
    timestamp_formats: Sequence[str]
    accept_shapes: Shape | Sequence[Shape]
    mismatched_column: str
    rescued_column: str


@dataclass(frozen=True, kw_only=True)
class ConformSettings:
    """The options of ``conform``, checked, with their defaults."""

    date_formats: Sequence[str] = (ISO_8601,)
    timestamp_formats: Sequence[str] = (ISO_8601,)
    accept_shapes: str | Sequence[str] = ()
    mismatched_column: str = "_mismatched"
    rescued_column: str = "_rescued"

    def __post_init__(self) -> None:
        """Check the values."""
        check_formats("date_formats", self.date_formats)
        check_formats("timestamp_formats", self.timestamp_formats, names=list(EPOCH_UNITS))
        expected = f"one or several of {', '.join(map(repr, _SHAPES))}"
        for shape in check_texts("accept_shapes", self.shapes, expected=expected):
            if shape not in _SHAPES:
                raise InvalidArgumentError("accept_shapes", expected=expected, got=shape)
        check_column("mismatched_column", self.mismatched_column)
        check_column("rescued_column", self.rescued_column)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Check the options of ``conform``.

        Raises:
            InvalidArgumentError: An option is unknown, or its value is not allowed.
        """
        check_options(options, [field.name for field in fields(cls)], call="conform")
        return cls(**options)

    @property
    def formats(self) -> Formats:
        """The forms of values in text."""
        return Formats(self.date_formats, self.timestamp_formats)

    @property
    def shapes(self) -> Sequence[str]:
        """The changes of shape to accept."""
        return [self.accept_shapes] if isinstance(self.accept_shapes, str) else self.accept_shapes
