"""Refusals of numbers that a law cannot have, and errors that need no traceback."""


def check_counts(**counts: int) -> None:
    """Refuse a number of things below 1.

    Raises:
        ValueError: With its name and value.
    """
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


def check_positive(**numbers: float) -> None:
    """Refuse what is not positive and finite.

    Raises:
        ValueError: With its name and value.
    """
    for name, number in numbers.items():
        if not 0 < number < float("inf"):
            raise ValueError(f"{name} must be positive, got {number}")


def check_not_negative(**numbers: float) -> None:
    """Refuse what is negative, infinite or no number.

    Raises:
        ValueError: With its name and value.
    """
    for name, number in numbers.items():
        if not 0 <= number < float("inf"):
            raise ValueError(f"{name} must not be negative, got {number}")


class PlainError(ValueError):
    """An error whose message is all that its user needs: the command line shows no traceback."""
