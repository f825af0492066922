"""``python -m saesim_pl.functional`` prints the page INVARIANCES.md."""

from saesim_pl.functional.invariances import invariances_page

print(invariances_page(), end="")
