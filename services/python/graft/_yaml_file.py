"""Search files: YAML in the form of graft.v1.SearchSpec."""
import os
import pathlib
from typing import Any

from graft.errors import GraftError

try:
    import yaml
except ImportError:
    yaml = None


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The file as a dictionary; its name, without extension, is the default of `display_name`.

    Raises GraftError: UNIMPLEMENTED without PyYAML, NOT_FOUND if the file cannot be read,
    INVALID_ARGUMENT if it is not YAML, has a key twice or is not a mapping.
    """
    if yaml is None:
        raise GraftError("UNIMPLEMENTED", "a search file needs python3-yaml; a dictionary does not")
    file = pathlib.Path(path)
    try:
        spec = yaml.load(file.read_text(encoding="utf-8"), _unique_key_loader())
    except OSError as error:
        raise GraftError("NOT_FOUND", f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GraftError("INVALID_ARGUMENT", f"{file}: {error}") from None
    if spec is None:
        spec = {}
    if not isinstance(spec, dict):
        raise GraftError("INVALID_ARGUMENT", f"{file}: expected a mapping")
    if not spec.get("display_name"):
        spec["display_name"] = file.stem
    return spec


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
