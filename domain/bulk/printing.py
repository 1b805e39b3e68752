"""Printing: documents of headings, pairs and tables as PDF, Chinese words in them.

Latin letters are set in Helvetica and all others in STSong-Light of the collection GB1: both are
fonts that a PDF may name without bringing them along. The same document is the same bytes, always.
The library that draws is loaded when something is printed, and not before.
"""

import asyncio
import io
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

MARGIN = 56  # points
SIDES = ("leftMargin", "rightMargin", "topMargin", "bottomMargin")
PADDING = 6  # that the library has inside of its frame
ROOM = 72  # below a heading, or it stands on the next page
CHINESE, LATIN = "STSong-Light", "Helvetica"
LINE_COLOUR = "#888888"
_RUNS = re.compile(r"([ -~]+)")
_printer = ThreadPoolExecutor(1, thread_name_prefix="printing")  # beside the loop, one at a time


@dataclass(frozen=True, slots=True)
class Part:
    """One table under its heading. `shares`: how the width is divided; what stands in a column of
    `figures` is ASCII and ends at one place. `heads` stand again on every page."""

    heading: str
    rows: Sequence[Sequence[str]]
    shares: tuple[int, ...]
    figures: frozenset[int] = frozenset()
    heads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """What is printed. `at`: the moment that it speaks of; `language`: zh or en."""

    title: str
    at: datetime
    language: str
    pairs: Sequence[tuple[str, str]] = ()
    parts: Sequence[Part] = ()
    foot: Sequence[str] = ()


async def as_pdf(document: Document) -> bytes:
    """The document on pages of A4."""
    return await asyncio.get_running_loop().run_in_executor(_printer, draw, document)


def draw(document: Document) -> bytes:
    """The same, in the caller's own thread."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    margins = dict.fromkeys(SIDES, MARGIN - PADDING)
    out = io.BytesIO()
    named = {"title": document.title, "author": "", "subject": "", "creator": ""}
    pages = SimpleDocTemplate(out, pagesize=A4, invariant=1, **margins, **named)

    def numbered(canvas: Any, _pages: object) -> None:
        # Else the library writes when it drew, or in its invariant mode the year 2000.
        canvas.setDateFormatter(lambda *_now: _stamp(document.at))
        canvas.setFont(LATIN, 8)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, str(canvas.getPageNumber()))

    pages.build(_flow(document, A4[0] - 2 * MARGIN), onFirstPage=numbered, onLaterPages=numbered)
    return out.getvalue()


def _flow(document: Document, width: float) -> list[Any]:
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import CondPageBreak, LongTable, Paragraph, Spacer

    if CHINESE not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    wrap = "CJK" if document.language == "zh" else None  # else lines are broken between words

    above = {"spaceBefore": 12, "spaceAfter": 4}

    def style(size: float, **more: object) -> Any:
        return ParagraphStyle(
            f"{size}", fontName=CHINESE, fontSize=size, leading=size * 1.4, wordWrap=wrap, **more
        )

    body, ends, heading = style(9), style(9, alignment=TA_RIGHT), style(11, **above)

    def cell(words: str, *, figure: bool) -> Any:
        # As it is in Helvetica, which draws figures fastest, and knows no Chinese.
        if figure and words.isascii():
            return words
        return Paragraph(_marked(words), ends if figure else body)

    def table(part: Part) -> Any:
        cells: list[list[Any]] = [
            [cell(each, figure=place in part.figures) for place, each in enumerate(row)]
            for row in part.rows
        ]
        if part.heads:
            styles = [ends if place in part.figures else body for place in range(len(part.heads))]
            heads = zip(part.heads, styles, strict=True)
            cells.insert(0, [Paragraph(_marked(head), which) for head, which in heads])
        widths = [width * share / sum(part.shares) for share in part.shares]
        drawn = LongTable(cells, colWidths=widths, repeatRows=1 if part.heads else 0, splitInRow=1)
        drawn.setStyle(_looks(part))
        return drawn

    flow: list[Any] = [Paragraph(_marked(document.title), style(16, spaceAfter=14))]
    if document.pairs:
        flow.append(table(Part("", document.pairs, (2, 5))))
    for part in document.parts:
        if part.heading:
            flow += [CondPageBreak(ROOM), Paragraph(_marked(part.heading), heading)]
        if part.rows:
            flow.append(table(part))
    flow.append(Spacer(1, 14))
    flow += [Paragraph(_marked(words), style(8)) for words in document.foot]
    return flow


def _looks(part: Part) -> list[tuple[object, ...]]:
    looks: list[tuple[object, ...]] = [
        ("FONT", (0, 0), (-1, -1), LATIN, 9),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
    ]
    looks += [("ALIGN", (place, 0), (place, -1), "RIGHT") for place in part.figures]
    if part.heading:
        looks.append(("LINEABOVE", (0, 0), (-1, 0), 0.5, LINE_COLOUR))
    if part.heads:
        looks.append(("LINEBELOW", (0, 0), (-1, 0), 0.5, LINE_COLOUR))
    return looks


def _marked(words: str) -> str:
    """Words for a paragraph of the library: nothing in them is a mark of its, and runs of ASCII
    have their own font."""
    shown = "".join(letter for letter in words if letter.isprintable())
    return _RUNS.sub(lambda run: f'<font name="{LATIN}">{escape(run[0])}</font>', shown)


def _stamp(moment: datetime) -> str:
    """A moment as properties of a PDF have it."""
    return moment.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")
