"""Parse one JSON document by its tokens, for documents that Spark's parser would change or refuse.

Strings and numbers are marked in the text first, so that all can be parsed as text and still differ: a string of
digits is no number, and a number keeps every digit. Shapes are read as the schema has them where nothing is lost: one
object for an array of them, PHP's ``[]`` for an object without fields, ``1000.0`` for an integer.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DecimalType,
    MapType,
    NumericType,
    StringType,
    StructField,
    StructType,
)

from shopsmart_etl._core.sql import any_of, call, cast, field_of, if_, lambda_, literal, struct_of, type_sql
from shopsmart_etl._core.text_casts import Formats, parse_text
from shopsmart_etl.io._json_risks import can_rename, other_case_pattern, other_case_risk, text_of_objects
from shopsmart_etl.io._json_text import array_of_extras, json_text, object_of_members
from shopsmart_etl.io._json_types import parsed_type
from shopsmart_etl.io._leaf_groups import group_leaves

_STRING = r'"(?:[^"\\]++|\\.)*+"'
# What is between strings, keys included; then a string that is no key.
_TO_STRING: Final = rf'(?s)\G((?:[^"]++|{_STRING}\s*+:)*+)"((?:[^"\\]++|\\.)*+)"'
_TO_NUMBER: Final = rf'(?s)\G((?:[^"0-9\-]++|{_STRING})*+)(-?[0-9][0-9.eE+\-]*+)'

# A number of more than 38 digits.
_TOO_LONG: Final = r"-?(?:0[.][0-9]{39}|(?!0[.])[0-9.]{40}|[0-9]{39})"


def _is_object(x: str) -> str:
    return f"startswith({x}, '{{')"


def _is_array(x: str) -> str:
    return f"startswith({x}, '[')"


def _is_empty_array(x: str) -> str:
    pattern = literal(r"^\[\s*\]$")
    return f"{x} RLIKE {pattern}"


class ExactParser:
    """Writes the SQL that parses a document."""

    def __init__(self, schema: StructType, formats: Formats, *, mark: str, ignores_case: bool) -> None:
        """Take the schema, the forms of values, a text that no document contains, and how names are compared."""
        self._schema, self._formats, self._ignores_case = schema, formats, ignores_case
        self._renames = ignores_case and bool(schema.fields) and can_rename(schema)
        self._string, self._number = f"{mark}s", f"{mark}n"
        self._variables = (f"v{number}" for number in count())

    def parse(self, text: str) -> str:
        """Write the parsed document of valid JSON text, given as SQL.

        Returns:
            SQL of a struct: ``v``, the document in the types of ``parsed_type``, and ``b``, whether part of it had
            another type. Fields that the schema lacks are ignored.
        """
        parsed = self._let(self.marked(self._named(text)), lambda x: self._node(x, self._schema))
        objects = text_of_objects(self._schema)
        if not self._renames or objects is None:
            return parsed
        # The keys of an object that is kept as text would be renamed as well.
        is_renamed = f"({text} RLIKE {literal(other_case_risk(self._schema))} AND {text} RLIKE {literal(objects)})"
        return self._let(parsed, lambda y: f"struct({y}.v AS v, ({y}.b OR {is_renamed}) AS b)")

    def marked(self, text: str) -> str:
        """Write JSON text whose strings and numbers are strings with a mark in front."""
        strings = call("regexp_replace", text, literal(_TO_STRING), literal(f'$1"{self._string}$2"'))
        return call("regexp_replace", strings, literal(_TO_NUMBER), literal(f'$1"{self._number}$2"'))

    def unmarked(self, text: str) -> str:
        """Write the JSON text that was marked."""
        numbers = call("regexp_replace", text, literal(f'"{self._number}([^"]*)"'), literal("$1"))
        return call("replace", numbers, literal(f'"{self._string}'), literal('"'))

    def extra_fields(self, text: str) -> str:
        """Write the fields that the schema lacks, as JSON text; null if there are none."""
        return self._let(self.marked(text), lambda x: self._extra(x, self._schema))

    # --- Values -----------------------------------------------------------------------------------------------------
    def _node(self, x: str, target: DataType) -> str:
        """Write the value of a token, given as SQL of marked text, and whether it has another type."""
        if isinstance(target, StructType):
            return self._struct(x, target)
        if isinstance(target, ArrayType):
            return self._array(x, target)
        if isinstance(target, MapType):
            return self._map(x, target)
        return self._let(self._leaf(x, target), lambda v: f"struct({v} AS v, ({x} IS NOT NULL AND {v} IS NULL) AS b)")

    def _leaf(self, x: str, target: DataType) -> str:
        string = f"substring({x}, {len(self._string) + 1})"
        is_string, is_number = (f"startswith({x}, '{mark}')" for mark in (self._string, self._number))
        if isinstance(target, BooleanType):
            return if_(f"{x} IN ('true', 'false')", f"{x} = 'true'")
        if isinstance(target, BinaryType):
            return if_(is_string, string)
        if isinstance(target, DecimalType) and self._formats.decimal_mark != ".":
            number = f"translate({string}, '.', '{self._formats.decimal_mark}')"
            return if_(is_string, string, if_(is_number, number))
        if isinstance(target, NumericType) and not isinstance(target, DecimalType):
            return if_(is_number, parse_text(string, target, Formats()))
        if target.typeName() == "variant":
            json = call("try_parse_json", self.unmarked(x))
            value = if_(is_string, f"CAST({string} AS VARIANT)", if_(is_number, call("try_parse_json", string), json))
            return if_(f"NOT {self._is_beyond_variant(x)}", value)
        other = self.unmarked(x) if isinstance(target, StringType) else "NULL"
        return if_(any_of([is_string, is_number]), string, other)

    def _is_beyond_variant(self, x: str) -> str:
        """Write the condition that a number has too many digits for a decimal, or none of its digits as a double."""
        powers = call("regexp_extract_all", x, literal(rf"{self._number}(-?[0-9.]++[eE][-+]?[0-9]++)"), "1")
        is_lost = "abs(double(t)) = double('Infinity') OR (double(t) = 0 AND t RLIKE '^[-0.]*[1-9]')"
        is_long = f"{x} RLIKE {literal(self._number + _TOO_LONG)}"
        return any_of([call("exists", powers, lambda_("t", is_lost)), is_long])

    def _struct(self, x: str, target: StructType) -> str:
        texts = StructType([StructField(field.name, StringType()) for field in target.fields])
        is_other = f"({x} IS NOT NULL AND NOT {_is_object(x)} AND NOT {_is_empty_array(x)})"

        groups, others = group_leaves(target.fields)

        def body(s: str) -> str:
            names = [field_of(s, name) for name in target.names]
            parts = [f"{self._node(names[at], target.fields[at].dataType)} AS `{at}`" for at in others]
            for number, group in enumerate(groups):
                parts.append(f"{group.transformed(names, next(self._variables), self._node)} AS `g{number}`")
            return self._let(call("struct", *parts), built)

        def built(f: str) -> str:
            nodes = {at: f"{f}.`{at}`" for at in others}
            for number, group in enumerate(groups):
                nodes.update({at: f"{f}.`g{number}`[{index}]" for index, at in enumerate(group.positions)})
            values = struct_of((name, f"{nodes[at]}.v") for at, name in enumerate(target.names))
            value = if_(_is_object(x), values)
            in_groups = [call("exists", f"{f}.`g{number}`", lambda_("e", "e.b")) for number in range(len(groups))]
            bad = any_of([is_other, *self._other_keys(x, target), *(f"{nodes[at]}.b" for at in others), *in_groups])
            return f"struct({value} AS v, {bad} AS b)"

        if not target.fields:
            return f"struct({if_(_is_object(x), 'named_struct()')} AS v, {is_other} AS b)"
        return self._let(self._from_json(if_(_is_object(x), x), texts), body)

    def _other_keys(self, x: str, target: StructType) -> list[str]:
        """Write the condition that an object has a key that is a name in another case, and was not renamed."""
        if not self._ignores_case:
            return []
        keys = call("map_keys", self._from_json(if_(_is_object(x), x), MapType(StringType(), StringType())))
        is_other = lambda_("k", f"{self._is_one_of('k', target.names)} AND k NOT IN {_listed(target.names)}")
        return [f"coalesce(exists({keys}, {is_other}), false)"]

    def _is_one_of(self, key: str, names: list[str]) -> str:
        """Write the condition that a key is one of some names, as the session compares them."""
        if not self._ignores_case:
            return f"{key} IN {_listed(names)}"
        return f"lower({key}) IN {_listed([name.lower() for name in names])}"

    def _array(self, x: str, target: ArrayType) -> str:
        texts = self._from_json(if_(_is_array(x), x), ArrayType(StringType()))
        is_array = _is_array(x)
        if isinstance(target.elementType, (StructType, MapType)):
            # A path that is sometimes one object and sometimes an array of them.
            texts, is_array = if_(_is_object(x), f"array({x})", texts), any_of([is_array, _is_object(x)])
        each = next(self._variables)
        nodes = call("transform", texts, lambda_(each, self._node(each, target.elementType)))
        return self._let(
            nodes, lambda a: self._container(x, is_array, f"{a}.v", call("exists", a, lambda_("e", "e.b")))
        )

    def _map(self, x: str, target: MapType) -> str:
        texts = self._from_json(if_(_is_object(x), x), MapType(StringType(), StringType()))
        key, each = next(self._variables), next(self._variables)
        nodes = call("transform_values", texts, lambda_([key, each], self._node(each, target.valueType)))
        empty = if_(_is_empty_array(x), self._from_json("'{}'", parsed_type(target)))

        def body(m: str) -> str:
            values = call("coalesce", call("transform_values", m, "(k, e) -> e.v"), empty)
            has_other = call("exists", call("map_values", m), lambda_("e", "e.b"))
            return self._container(x, any_of([_is_object(x), _is_empty_array(x)]), values, has_other)

        return self._let(nodes, body)

    def _container(self, x: str, has_shape: str, values: str, has_other: str) -> str:
        bad = any_of([f"({x} IS NOT NULL AND NOT {has_shape})", call("coalesce", has_other, "false")])
        return f"struct({values} AS v, {bad} AS b)"

    # --- Names ------------------------------------------------------------------------------------------------------
    def _named(self, text: str) -> str:
        if not self._renames:
            return text
        return if_(f"{text} RLIKE {literal(other_case_risk(self._schema))}", self._renamed(text), text)

    def _renamed(self, text: str) -> str:
        """Write the text with the schema's names for keys that differ from them in case alone."""
        names = {name.lower(): name for name in _all_names(self._schema)}
        lower, spelled = (", ".join(map(literal, these)) for these in (names, names.values()))
        pattern = literal(other_case_pattern(self._schema))
        known = f"map_from_arrays(array({lower}), array({spelled}))"
        keys = call("regexp_extract_all", text, pattern, "1")
        renamed = f"transform({keys}, k -> concat('\"', coalesce(try_element_at({known}, lower(k)), k), '\":'))"
        pieces = f"zip_with(split({text}, {pattern}, -1), {renamed}, (p, k) -> concat(p, coalesce(k, '')))"
        return call("array_join", pieces, "''")

    def _extra(self, x: str, target: StructType) -> str:
        """Write the members that a struct lacks, as JSON text; null if there are none."""
        m = next(self._variables)
        is_known = self._is_one_of("e.key", target.names) if target.names else "false"
        entries = f"filter(map_entries({m}), e -> NOT {is_known})"
        members = [call("transform", entries, lambda_("e", self._member("e.key", self._raw("e.value"))))]
        for field in target.fields:
            if not _has_struct(field.dataType):
                continue
            # Of a key that occurs twice, the last value is read.
            named = f"filter(map_entries({m}), e -> {self._is_one_of('e.key', [field.name])})"
            extra = self._let(f"try_element_at({named}, -1).value", lambda v, of=field.dataType: self._extra_in(v, of))
            members.append(self._optional_member(literal(field.name), extra))
        parsed = self._from_json(if_(_is_object(x), x), MapType(StringType(), StringType()))
        all_members = f"flatten(array({', '.join(members)}))"
        joined = self._let(all_members, object_of_members)
        return call("get", call("transform", call("array", parsed), lambda_(m, joined)), "0")

    def _extra_in(self, x: str, target: DataType) -> str:
        """Write the same of a value of any type that has structs inside."""
        if isinstance(target, StructType):
            return self._extra(x, target)
        each = next(self._variables)
        if isinstance(target, ArrayType):
            texts = self._from_json(if_(_is_array(x), x), ArrayType(StringType()))
            if not isinstance(target.elementType, ArrayType):
                texts = if_(_is_object(x), f"array({x})", texts)
            found = call("transform", texts, lambda_(each, self._extra_in(each, target.elementType)))
            return self._let(found, array_of_extras)
        assert isinstance(target, MapType)  # noqa: S101 - narrows the type
        entries = call("map_entries", self._from_json(if_(_is_object(x), x), MapType(StringType(), StringType())))
        extra = self._extra_in(f"{each}.value", target.valueType)
        member = self._let(extra, lambda v: if_(f"{v} IS NOT NULL", self._member(f"{each}.key", v)))
        found = call("filter", call("transform", entries, lambda_(each, member)), "e -> e IS NOT NULL")
        return self._let(found, object_of_members)

    def _member(self, key: str, value: str) -> str:
        return f"concat({json_text(key)}, ':', {value})"

    def _optional_member(self, name: str, value: str) -> str:
        member = self._let(value, lambda v: if_(f"{v} IS NULL", "array()", f"array({self._member(name, v)})"))
        return cast(member, ArrayType(StringType()))

    def _raw(self, x: str) -> str:
        """Write the JSON text of a token."""
        string = f"substring({x}, {len(self._string) + 1})"
        number = if_(f"startswith({x}, '{self._number}')", string, self.unmarked(x))
        return f"coalesce({if_(f'startswith({x}, {literal(self._string)})', json_text(string), number)}, 'null')"

    # --- SQL --------------------------------------------------------------------------------------------------------
    def _from_json(self, text: str, target: DataType) -> str:
        return call("from_json", text, literal(type_sql(target)))

    def _let(self, value: str, body: object) -> str:
        """Use a value several times and compute it once."""
        name = next(self._variables)
        return f"get(transform(array({value}), {name} -> {body(name)}), 0)"  # type: ignore[operator]


def _listed(texts: list[str]) -> str:
    return f"({', '.join(map(literal, texts))})"


def _has_struct(data_type: DataType) -> bool:
    if isinstance(data_type, MapType):
        return _has_struct(data_type.valueType)
    return _has_struct(data_type.elementType) if isinstance(data_type, ArrayType) else isinstance(data_type, StructType)


def _all_names(data_type: DataType) -> list[str]:
    if isinstance(data_type, StructType):
        return [name for field in data_type.fields for name in (field.name, *_all_names(field.dataType))]
    return _all_names(data_type.elementType) if isinstance(data_type, ArrayType) else []
