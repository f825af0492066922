"""One configuration of many layers, and settings for all SAEs at once."""

from collections.abc import Iterable

from saesim_pl.cli.settings import Settings, as_class, lay_over


def compose(layers: Iterable[Settings]) -> Settings:
    """Layers over each other, the later over the earlier.

    ``defaults`` beside the ``saes`` of a model is said of all SAEs: of those that earlier layers name, whose
    settings it replaces, and of those that this and later layers name, which win over it. An SAE whose class
    does not take a setting goes without.
    """
    config, defaults = Settings(), Settings()
    for layer in layers:
        layer = layer.copied()
        own = _taken(layer, "defaults")
        if own:
            _offer(own)
            defaults = lay_over(defaults, own, _origin(own))
            _spread(config, own)
        known = set(_saes(config))
        _prepare(layer, known, defaults)
        config = lay_over(config, layer, _origin(layer))
    if defaults:
        config.put("defaults", defaults, _origin(defaults))
    return config


def _origin(settings: Settings) -> str:
    return next(iter(settings.origins.values()), "")


def _arguments(config: Settings) -> Settings:
    """Arguments of the model, wherever they are written."""
    model = config.get("model")
    if not isinstance(model, Settings):
        return Settings()
    inner = model.get("init_args")
    return inner if isinstance(inner, Settings) else model


def _saes(config: Settings) -> Settings:
    found = _arguments(config).get("saes")
    return found if isinstance(found, Settings) else Settings()


def _taken(layer: Settings, key: str) -> Settings:
    """The class and arguments under ``key`` of the model, removed from it."""
    found = Settings()
    model = layer.get("model")
    for holder in (model, _arguments(layer)):
        if isinstance(holder, Settings) and isinstance(holder.get(key), Settings):
            found = lay_over(found, as_class(holder.pop(key), ""), _origin(holder))
    return found


def _offer(defaults: Settings) -> None:
    arguments = defaults.get("init_args")
    if isinstance(arguments, Settings):
        arguments.optional = set(arguments)


def _spread(config: Settings, defaults: Settings) -> None:
    """Lay ``defaults`` over every SAE of ``config``."""
    saes = _saes(config)
    for name in saes:
        if saes[name] is not None:
            saes[name] = _merged(saes[name], defaults, saes.origins[name])


def _prepare(layer: Settings, known: set[str], defaults: Settings) -> None:
    """Lay what ``layer`` says of SAEs that are new over ``defaults``."""
    saes = _saes(layer)
    for name in saes if defaults else ():
        if name not in known:
            own = saes[name]
            origin = saes.origins[name]
            saes[name] = defaults.copied() if own is None or own == {} else _merged(defaults, own, origin)


def _merged(below: object, above: object, origin: str) -> Settings:
    return lay_over(as_class(below, origin), as_class(above, origin), origin)
