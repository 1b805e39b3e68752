"""Cards of a link variant (mission row A1): what is sold is an https address, opened as it is."""

from urllib.parse import urlsplit

from domain.cards.reading import CardReader, CardRow, Position, Row, RowProblem


def is_link(secret: str) -> bool:
    """An https address with a host and without a login."""
    try:
        parts = urlsplit(secret)
        _ = parts.port  # raises when it is no number that a port may have
    except ValueError:
        return False
    written = secret.isprintable() and " " not in secret
    return written and parts.scheme == "https" and bool(parts.hostname) and parts.username is None


class LinksOnly:
    """A reader of a card file, for which a row without a link is at fault."""

    def __init__(self, reader: CardReader) -> None:
        self._reader = reader
        self.position, self.ended = reader.position, reader.ended
        self.numbers = reader.numbers

    def go_to(self, position: Position) -> None:
        """Go on behind what was read up to `position`."""
        self._reader.go_to(position)
        self._follow()

    def take(self, lines: int) -> list[Row]:
        """The cards and problems of the next lines."""
        rows = [_checked(row) for row in self._reader.take(lines)]
        self._follow()
        return rows

    def _follow(self) -> None:
        self.position, self.ended = self._reader.position, self._reader.ended
        self.numbers = self._reader.numbers


def _checked(row: Row) -> Row:
    bad = isinstance(row, CardRow) and not is_link(row.secret)
    return RowProblem(row.line, "card_link") if bad else row
