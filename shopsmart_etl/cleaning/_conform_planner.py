"""How columns of one schema are brought to another, as SQL. Pure: nothing here needs a Spark session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from shopsmart_etl._core.casts import Formats, find_cast
from shopsmart_etl._core.columns import refuse_clashes
from shopsmart_etl._core.sql import literal, path_text, quote, type_sql, type_text
from shopsmart_etl.errors import nearest


class Fitted(NamedTuple):
    """One value, brought to a type.

    Attributes:
        value: Its SQL.
        lost: Paths, each with the SQL that tells where the value there does not fit. None of it is ever null.
        rescue: SQL of what has no place in the type; None where there is nothing of the kind.
        worth: SQL that tells, each for a part of that, where there is something to rescue.
    """

    value: str
    lost: Sequence[tuple[str, str]] = ()
    rescue: str | None = None
    worth: Sequence[str] = ()


class FittedFields(NamedTuple):
    """The fields of a struct, or the columns of a DataFrame, brought to a schema: each name with its SQL."""

    values: list[tuple[str, str]]
    lost: list[tuple[str, str]]
    rescue: list[tuple[str, str]]
    worth: list[str]

    def rescued(self) -> str:
        """Write the SQL of a struct of what has no place; null where there is nothing."""
        return f"if({' OR '.join(self.worth)}, {_struct(self.rescue)}, NULL)" if self.worth else "NULL"


@dataclass
class Fitting:
    """What becomes of each kind of difference, and the differences that were refused."""

    on_missing: Literal["refuse", "null"]
    on_extra: Literal["refuse", "drop", "keep", "rescue"]
    on_mismatch: Literal["refuse", "null"]
    formats: Formats
    ignores_case: Callable[[], bool]
    refused: list[str] = field(default_factory=list)

    def fit_fields(
        self,
        have: StructType,
        wanted: StructType,
        reach: Callable[[int], str],
        path: tuple[str, ...] = (),
        depth: int = 0,
    ) -> FittedFields:
        """Bring fields to those wanted, found by name.

        Args:
            have: The fields that are there.
            wanted: The fields wanted.
            reach: Gives the SQL of a field by its position.
            path: The names of the structs around them.
            depth: How many arrays and maps are around them.
        """
        found = [self._find(have, one.name) for one in wanted.fields]
        unnamed = [at for at in range(len(have.fields)) if at not in found]
        fields = FittedFields([], [], [], [])
        for one, at in zip(wanted.fields, found, strict=True):
            below = (*path, one.name)
            if at is None:
                self._refuse_missing(below, one.dataType, [have.names[other] for other in unnamed])
                fields.values.append((one.name, f"CAST(NULL AS {type_sql(one.dataType)})"))
                continue
            fitted = self._fit(reach(at), have.fields[at].dataType, one.dataType, below, depth)
            fields.values.append((one.name, fitted.value))
            fields.lost.extend(fitted.lost)
            if fitted.rescue is not None:
                fields.rescue.append((have.names[at], fitted.rescue))
                fields.worth.extend(fitted.worth)
        for at in unnamed:
            name = have.names[at]
            if self.on_extra == "refuse":
                self._refuse_extra((*path, name), have.fields[at].dataType)
            elif self.on_extra == "keep":
                fields.values.append((name, reach(at)))
            elif self.on_extra == "rescue":
                fields.rescue.append((name, reach(at)))
                fields.worth.append(f"{reach(at)} IS NOT NULL")
        return fields

    def _fit(self, sql: str, have: DataType, wanted: DataType, path: tuple[str, ...], depth: int) -> Fitted:
        # Without nullability, which no value needs to be changed for; what is as it should be is not rebuilt.
        if type_sql(have) == type_sql(wanted):
            return Fitted(sql)
        if isinstance(have, StructType) and isinstance(wanted, StructType):
            return self._fit_struct(sql, have, wanted, path, depth)
        if isinstance(have, ArrayType) and isinstance(wanted, ArrayType):
            element = f"x{depth}"
            inner = self._fit(element, have.elementType, wanted.elementType, path, depth + 1)
            return _each(inner, element, elements=sql, made=lambda one: f"transform({sql}, {element} -> {one})")
        if isinstance(have, MapType) and isinstance(wanted, MapType) and _same_keys(have, wanted):
            element, key = f"x{depth}", f"k{depth}"
            inner = self._fit(element, have.valueType, wanted.valueType, path, depth + 1)
            made = f"transform_values({sql}, ({key}, {element}) -> "
            return _each(inner, element, elements=f"map_values({sql})", made=lambda one: f"{made}{one})")
        return self._cast(sql, have, wanted, path)

    def _fit_struct(self, sql: str, have: StructType, wanted: StructType, path: tuple[str, ...], depth: int) -> Fitted:
        refuse_clashes(
            ((name, f"{path_text(path)}.{quote(name)}") for name in have.names),
            ignores_case=self.ignores_case,
            way_out="Set spark.sql.caseSensitive=true, which tells them apart",
        )
        fields = self.fit_fields(have, wanted, lambda at: f"{sql}.{quote(have.names[at])}", path, depth)
        # A conditional is also where Spark's subexpression elimination stops, which deep schemas need.
        value = f"if({sql} IS NULL, NULL, {_struct(fields.values)})"
        return Fitted(value, fields.lost, fields.rescued() if fields.worth else None, fields.worth)

    def _cast(self, sql: str, have: DataType, wanted: DataType, path: tuple[str, ...]) -> Fitted:
        cast = find_cast(sql, have, wanted, self.formats)
        where = path_text(path)
        if cast is None:
            if self.on_mismatch == "refuse":
                self.refused.append(
                    f"{where}: wanted {type_text(wanted)}, found {type_text(have)}, and no cast that loses nothing; "
                    "on_mismatch='null' makes it null"
                )
            value, lost = f"CAST(NULL AS {type_sql(wanted)})", f"{sql} IS NOT NULL"
        elif cast.lost is None:
            return Fitted(cast.value)
        else:
            value, lost = cast.value, cast.lost
        if self.on_mismatch == "refuse":
            why = literal(f"column '{where}': wanted {type_text(wanted)}; found ")
            return Fitted(f"if({lost}, raise_error(concat({why}, CAST({sql} AS STRING))), {value})")
        rescue = f"if({lost}, {sql}, NULL)" if self.on_extra == "rescue" else None
        return Fitted(value, [(where, lost)], rescue, [lost] if rescue else [])

    def _find(self, have: StructType, name: str) -> int | None:
        """Find a field as Spark does: by its exact name, else by one that differs only in case."""
        found = [at for at, other in enumerate(have.names) if other == name]
        if not found:
            twins = [at for at, other in enumerate(have.names) if other.lower() == name.lower()]
            found = twins if twins and self.ignores_case() else []
        if len(found) > 1:
            refuse_clashes(
                ((have.names[at], f"column {at + 1}") for at in found),
                ignores_case=self.ignores_case,
                way_out="Rename or drop one of them first",
            )
        return found[0] if found else None

    def _refuse_missing(self, path: tuple[str, ...], wanted: DataType, unnamed: Sequence[str]) -> None:
        if self.on_missing == "refuse":
            twin = nearest(path[-1], unnamed)
            hint = f"; is it {path_text((*path[:-1], twin))}?" if twin else "; on_missing='null' adds it"
            self.refused.append(f"{path_text(path)}: wanted {type_text(wanted)}, found no such column{hint}")

    def _refuse_extra(self, path: tuple[str, ...], have: DataType) -> None:
        self.refused.append(
            f"{path_text(path)}: found {type_text(have)}, which the schema lacks; "
            "on_extra='keep', 'drop' or 'rescue' takes it"
        )


def _each(inner: Fitted, element: str, *, elements: str, made: Callable[[str], str]) -> Fitted:
    """Do to each element what one of them needs."""

    def some(test: str) -> str:
        return f"coalesce(exists({elements}, {element} -> {test}), false)"

    return Fitted(
        made(inner.value),
        [(path, some(test)) for path, test in inner.lost],
        None if inner.rescue is None else made(inner.rescue),
        [some(" OR ".join(inner.worth))] if inner.worth else [],
    )


def _same_keys(have: MapType, wanted: MapType) -> bool:
    # A cast could make two keys one.
    return type_sql(have.keyType) == type_sql(wanted.keyType)


def _struct(fields: Sequence[tuple[str, str]]) -> str:
    return f"struct({', '.join(f'{sql} AS {quote(name)}' for name, sql in fields)})" if fields else "named_struct()"
