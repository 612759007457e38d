"""Files that people write: messages of graft.v1 in YAML or JSON."""
import json
import os
import pathlib
from typing import Any

from graft.errors import GraftError

try:
    import yaml
except ImportError:
    yaml = None


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A file as a dictionary. JSON, in a file called `*.json`, needs no PyYAML.

    Raises GraftError: UNIMPLEMENTED without PyYAML, NOT_FOUND if the file cannot be read,
    INVALID_ARGUMENT if it is not YAML or JSON, has a key twice or is not a mapping.
    """
    file = pathlib.Path(path)
    is_json = file.suffix == ".json"
    if yaml is None and not is_json:
        raise GraftError("UNIMPLEMENTED", f"{file}: needs python3-yaml; a dictionary does not")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise GraftError("NOT_FOUND", f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise GraftError("INVALID_ARGUMENT", f"{file}: {error}") from None
    values = _parse_json(file, text) if is_json else _parse_yaml(file, text)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise GraftError("INVALID_ARGUMENT", f"{file}: expected a mapping")
    return values


def load_search(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A search file; its name, without extension, is the default of `display_name`."""
    spec = load(path)
    if not spec.get("display_name"):
        spec["display_name"] = pathlib.Path(path).stem
    return spec


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For json.loads, which lets the last of equal keys win; here they are an error."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"the key {twice!r} appears twice")
    return values


def _parse_json(file: pathlib.Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise GraftError("INVALID_ARGUMENT", f"{file}: {error}") from None


def _parse_yaml(file: pathlib.Path, text: str) -> Any:
    try:
        return yaml.load(text, _unique_key_loader())
    except yaml.YAMLError as error:
        raise GraftError("INVALID_ARGUMENT", f"{file}: {error}") from None


def _unique_key_loader() -> type:
    """PyYAML's safe loader lets the last of equal keys win; here they are an error."""

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value]
            for i, (key, _) in enumerate(node.value):
                if key.value in keys[:i]:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} appears twice", key.start_mark
                    )
            return super().construct_mapping(node, deep)

    return Loader
