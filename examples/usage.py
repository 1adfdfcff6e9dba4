"""The arguments of an example; --help prints what the example says of itself."""

import sys


def arguments(most: int | None = 1) -> list[str]:
    """Return the arguments of the command.

    Args:
        most: Largest number of them; None: any. With more, and with an option (which no example
            has), the example's description is printed instead and the program ends.
    """
    given = sys.argv[1:]
    if (most is None or len(given) <= most) and not any(a.startswith("-") for a in given):
        return given
    print(sys.modules["__main__"].__doc__)
    sys.exit(0 if given[0] in ("-h", "--help") else 2)
