"""Messages as plain dictionaries, and back.

The mapping is protobuf's JSON mapping with proto names, but 64-bit integers are integers. What
people write is read as leniently as in search files: enum values without their prefix in lower case
(`grow_on`), whole numbers as `4e6`, None for a member of a oneof with all defaults.
"""
import contextlib
import difflib
import re
import sys
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, EnumValueDescriptor, FieldDescriptor
from google.protobuf.message import Message

from graft.errors import invalid_field

# Messages that have a JSON form of their own.
_PLAIN = {
    f"google.protobuf.{name}" for name in ("Duration", "ListValue", "Struct", "Timestamp", "Value")
}
# Smallest and largest value.
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FLOATS = {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}


def to_dict(message: Message) -> Any:
    """All fields by name. Left out are messages and `optional` fields that are not set."""
    if message.DESCRIPTOR.full_name in _PLAIN:
        return json_format.MessageToDict(message)
    result = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if _is_map(field):
            value_field = field.message_type.fields_by_name["value"]
            result[field.name] = {key: _to_plain(value_field, value[key]) for key in value}
        elif field.label == FieldDescriptor.LABEL_REPEATED:
            result[field.name] = [_to_plain(field, item) for item in value]
        elif not field.has_presence or message.HasField(field.name):
            result[field.name] = _to_plain(field, value)
    return result


def fill(message: Message, values: Any, path: str = "") -> None:
    """Sets the fields of `message` from a dictionary. GraftError names the field that is bad."""
    if message.DESCRIPTOR.full_name in _PLAIN:
        try:
            json_format.ParseDict(values, message)
        except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
            raise invalid_field(path, str(error)) from None
        return
    if not isinstance(values, Mapping):
        raise invalid_field(path, f"expected a dictionary, got {values!r}")
    for key, value in values.items():
        field = _find_field(message, key, path)
        field_path = f"{path}.{field.name}" if path else field.name
        oneof = field.containing_oneof
        if oneof is not None and message.WhichOneof(oneof.name) is not None:
            other = message.WhichOneof(oneof.name)
            raise invalid_field(field_path, f"excludes {other}, which is given too")
        if value is None:
            if oneof is not None and field.message_type is not None:
                getattr(message, field.name).SetInParent()
        else:
            _fill_field(message, field, value, field_path)


def _to_plain(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return to_dict(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _find_field(message: Message, key: Any, path: str) -> FieldDescriptor:
    descriptor = message.DESCRIPTOR
    field = descriptor.fields_by_name.get(key) or descriptor.fields_by_camelcase_name.get(key)
    if field is not None:
        return field
    names = list(descriptor.fields_by_name)
    near = difflib.get_close_matches(str(key), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"
    raise invalid_field(f"{path}.{key}" if path else str(key), f"unknown field; {hint}")


def _fill_field(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if _is_map(field):
        if not isinstance(value, Mapping):
            raise invalid_field(path, f"expected a dictionary, got {value!r}")
        key_field = field.message_type.fields_by_name["key"]
        value_field = field.message_type.fields_by_name["value"]
        target = getattr(message, field.name)
        for key, item in value.items():
            plain_key = _parse(key_field, key, f"{path}.{key}")
            if value_field.message_type is not None:
                fill(target[plain_key], item, f"{path}.{key}")
            else:
                target[plain_key] = _parse(value_field, item, f"{path}.{key}")
    elif field.label == FieldDescriptor.LABEL_REPEATED:
        if not isinstance(value, (list, tuple)):
            raise invalid_field(path, f"expected a list, got {value!r}")
        target = getattr(message, field.name)
        for i, item in enumerate(value):
            if field.message_type is not None:
                fill(target.add(), item, f"{path}[{i}]")
            else:
                target.append(_parse(field, item, f"{path}[{i}]"))
    elif field.message_type is not None:
        target = getattr(message, field.name)
        target.SetInParent()
        fill(target, value, path)
    else:
        setattr(message, field.name, _parse(field, value, path))


def _parse(field: FieldDescriptor, value: Any, path: str) -> Any:
    """A single value of the field's type."""
    if field.enum_type is not None:
        return _parse_enum(field.enum_type, value, path)
    if field.cpp_type in _INTEGERS:
        return _parse_integer(field, value, path)
    if field.cpp_type in _FLOATS:
        number = _number(value)
        if number is None:
            raise invalid_field(path, f"expected a finite number, got {value!r}")
        return float(number)
    expected: type = str
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        expected = bool
    elif field.type == FieldDescriptor.TYPE_BYTES:
        expected = bytes
    if not isinstance(value, expected):
        raise invalid_field(path, f"expected a value of type {expected.__name__}, got {value!r}")
    return value


def _parse_integer(field: FieldDescriptor, value: Any, path: str) -> int:
    number = _number(value)
    if number is None or number != int(number):
        raise invalid_field(path, f"expected a whole number, got {value!r}")
    low, high = _INTEGERS[field.cpp_type]
    if not low <= number <= high:
        raise invalid_field(path, f"expected a whole number from {low} to {high}, got {value!r}")
    return int(number)


def _number(value: Any) -> int | float | None:
    """None for what is no finite number. Texts are read too: YAML takes `4e6` for one."""
    number = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = float(value)
        with contextlib.suppress(ValueError):
            number = int(value)
    return number if number is not None and abs(number) <= sys.float_info.max else None


def _parse_enum(enum: EnumDescriptor, value: Any, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value in enum.values_by_number:
        return value
    for candidate in enum.values:
        if value in (candidate.name, _short_name(candidate)):
            return candidate.number
    choices = ", ".join(_short_name(choice) for choice in enum.values if choice.number != 0)
    raise invalid_field(path, f"expected one of {choices}; got {value!r}")


def _short_name(value: EnumValueDescriptor) -> str:
    """`grow_on` for EPISODE_START_GROW_ON of the enum EpisodeStart."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", value.type.name).upper() + "_"
    return value.name[len(prefix) :].lower() if value.name.startswith(prefix) else value.name
