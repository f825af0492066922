"""What files and options ask for, laid over each other, each key with the place it was written at."""

from typing import Any

CLASS_KEYS = ("class_path", "init_args", "dict_kwargs")


class Text(str):
    """A value as it was typed, whose type is not known yet."""


class Settings(dict[Any, Any]):
    """A mapping that knows where each key was written.

    Attributes:
        origins: By key, ``file:line`` or the option.
        optional: Keys that are dropped where the class does not take them: what was asked of another class
            before, or of all SAEs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[Any, str] = {}
        self.optional: set[Any] = set()

    def put(self, key: Any, value: Any, origin: str, optional: bool = False) -> None:
        """Set ``key``."""
        self[key] = value
        self.origins[key] = origin
        self.optional = self.optional | {key} if optional else self.optional - {key}

    def copied(self) -> "Settings":
        """A copy that shares no mapping and no list with this one."""
        copy = Settings()
        for key, value in self.items():
            copy.put(key, copy_of(value), self.origins[key], key in self.optional)
        return copy


def copy_of(value: Any) -> Any:
    """A copy of a value that a file can hold."""
    if isinstance(value, Settings):
        return value.copied()
    return [copy_of(item) for item in value] if isinstance(value, list) else value


def is_class(value: Any) -> bool:
    """Whether a mapping says which class it is of, or is for one."""
    return isinstance(value, Settings) and any(key in value for key in CLASS_KEYS)


def as_class(value: Any, origin: str) -> Settings:
    """``value`` with its class under ``class_path`` and all arguments under ``init_args``.

    A text is a class without arguments; keys beside ``class_path`` and ``init_args`` are arguments.
    """
    found = Settings()
    if not isinstance(value, Settings):
        found.put("class_path", value, origin)
        return found
    arguments = Settings()
    for part in ("dict_kwargs", "init_args"):
        given = value.get(part)
        if isinstance(given, Settings):
            for key, item in given.items():
                arguments.put(key, item, given.origins[key], key in given.optional)
        elif given is not None:
            found.put(part, given, value.origins[part])
    for key, item in value.items():
        if key == "class_path":
            found.put(key, item, value.origins[key])
        elif key not in CLASS_KEYS:
            arguments.put(key, item, value.origins[key], key in value.optional)
    if arguments or not found:
        found.put("init_args", arguments, next(iter(value.origins.values()), origin))
    return found


def lay_over(below: Any, above: Any, origin: str, below_origin: str = "") -> Any:
    """``above``, and of ``below`` all that it does not speak of.

    Mappings merge key by key, ``key+`` adds to a list, anything else replaces. Arguments of a class stay
    where another takes its place, as far as the other takes them.
    """
    if isinstance(above, Settings):
        if isinstance(below, list) and origin.startswith("--") and below:
            # Options after --trainer.callbacks+ speak of the callback that was added last.
            return [*below[:-1], lay_over(below[-1], above, origin, below_origin)]
        if is_class(above) or is_class(below) or _names_class(below):
            if isinstance(below, Settings) or _names_class(below):
                return _merged_class(as_class(below, below_origin), as_class(above, origin))
        elif isinstance(below, Settings):
            return _merged(below, above)
    elif _names_class(above) and is_class(below):
        return _merged_class(as_class(below, below_origin), as_class(above, origin))
    return _merged(Settings(), above) if isinstance(above, Settings) else copy_of(above)


def _names_class(value: Any) -> bool:
    """Whether a text reads like the name of a class; ``auto`` or ``ddp`` do not."""
    parts = value.split(".") if isinstance(value, str) else [""]
    return all(map(str.isidentifier, parts)) and (parts[-1][0].isupper() or len(parts) > 1)


def _merged(below: Settings, above: Settings) -> Settings:
    merged = below.copied()
    for key, value in above.items():
        origin, optional = above.origins[key], key in above.optional
        if isinstance(key, str) and key.endswith("+"):
            plain = key[:-1]
            before = merged.get(plain) if plain in merged else []
            # A class added by an option keeps it as its origin; items of lists have none otherwise.
            value = as_class(value, origin) if isinstance(value, Text) and _names_class(value) else value
            added = value if isinstance(value, list) else [value]
            whole = (before if isinstance(before, list) else [before] if before is not None else []) + added
            merged.put(plain, copy_of(whole), origin)
        else:
            merged.put(
                key, lay_over(merged.get(key), value, origin, merged.origins.get(key, "")), origin, optional
            )
    return merged


def _merged_class(below: Settings, above: Settings) -> Settings:
    below = below.copied()
    arguments = below.get("init_args")
    is_other = above.get("class_path", below.get("class_path")) != below.get("class_path")
    if is_other and isinstance(arguments, Settings):
        arguments.optional = set(arguments)
    return _merged(below, above)
