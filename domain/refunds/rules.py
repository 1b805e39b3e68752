"""Pure rules of refunds: shares that sum exactly, whatever came before them (row H10)."""

MAX_CARDS = 1_000
MAX_LINES = 100
MAX_NOTE_LETTERS = 500


def share_of_pieces(left: int, pieces_left: int, pieces: int) -> int:
    """What some of the pieces that are left are worth, of what is left of their line, in units.

    Without free amounts before, it is the price of a piece each. The last ones take all that is
    left, so that the pieces of a line sum to what was paid for it.
    """
    return left * pieces // pieces_left


def cost_of_pieces(cost: int, quantity: int, before: int, pieces: int) -> int:
    """What some pieces of a line had cost, of `cost` for all of them; `before` of them went back
    earlier. All pieces together cost all of it, to the last unit."""
    return cost * (before + pieces) // quantity - cost * before // quantity


def price_of_rest(price: int, left: int, held: int) -> int:
    """What was paid for the rest of a gift card that cost `price` and then held `held`."""
    return price * left // held if held else 0
