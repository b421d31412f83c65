"""Typed sections of settings: read from YAML, checked at once, and written again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.errors import ConfigError


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SomeSection = TypeVar("SomeSection", bound=Section)


def load(kind: type[SomeSection], path: Path, overrides: Sequence[str] = ()) -> SomeSection:
    """Read a YAML file, apply `section.key=value` overrides, and check everything once.

    Raises ConfigError naming each key that is wrong, the rule and the value received.
    """
    tree = read_tree(path)
    for override in overrides:
        _apply_override(tree, override)
    return parse(kind, tree, str(path))


def read_tree(path: Path) -> dict[str, Any]:
    """The plain values of a YAML file; ConfigError if it cannot be read or holds no settings."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold settings, found {type(tree).__name__}")
    return tree


def save_config(config: BaseModel, path: Path) -> None:
    """Write settings as YAML that `load_config` reads back to the same value."""
    tree = config.model_dump(mode="json")
    path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")


def parse(kind: type[SomeSection], tree: object, name: str) -> SomeSection:
    """Check a tree of plain values against a section; ConfigError lists all problems."""
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        details = [detail for detail in error.errors() if not _follows(detail, error.errors())]
        problems = "\n".join(f"  {_problem(kind, detail)}" for detail in details)
        raise ConfigError(f"{name} is not a valid configuration:\n{problems}") from None


def _apply_override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"override {override!r} must look like section.key=value")
    *sections, last = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"override {override!r}: {section} has no keys of its own")
    try:
        tree[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"override {override!r}: {text!r} is not a YAML value") from None


def _follows(detail: Any, details: Sequence[Any]) -> bool:
    """Whether a list is too short only because entries of it were refused."""
    where = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(where) and other["loc"][: len(where)] == where for other in details
    )


def _problem(kind: type[Any], detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "settings"
    if detail["type"] == "extra_forbidden":
        allowed = _keys_at(kind, detail["loc"][:-1])
        return f"{where}: unknown key; allowed here: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return f"{where}: missing"
    message = detail["msg"].removeprefix("Value error, ")
    value = detail["input"]
    shown = "" if isinstance(value, (dict, Section)) else f", received {value!r}"
    return f"{where}: {message}{shown}"


def _keys_at(kind: Any, location: Sequence[str | int]) -> list[str]:
    """The keys of the section that a validation error is in."""
    for part in location:
        if isinstance(part, str) and part in kind.model_fields:
            annotation = kind.model_fields[part].annotation
            arguments = getattr(annotation, "__args__", ())
            kind = arguments[0] if arguments else annotation
    return sorted(kind.model_fields)
