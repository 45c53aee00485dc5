"""LaTeX statements as MathML that a browser can show without help.

`latex2mathml` does the translation. What it leaves is mended here: words set upright letter by letter, letter styles
that browsers do not apply, operators that it takes for identifiers, and the space that sets a named function off. A
long statement becomes several formulas in a row, cut at its relations and sums, so that it can be broken into lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from entropy_theory.checking.plaintext import in_unicode

NAMESPACE = "http://www.w3.org/1998/Math/MathML"

THIN = "0.167em"

SHORTEST = 8
"""Characters, about, that a piece of a statement has before it is cut at a relation."""

SHORTEST_SUM = 12
"""The same for a plus or minus sign."""

_BEFORE = (
    (r"\\rm\s+(\w+-[\w-]+)", r"\\text{\1}"),
    (r"\\rm\s+(\w+)", r"\\mathrm{\1}"),
    (r"\\langle(?![A-Za-z])", "⟨"),
    (r"\\rangle(?![A-Za-z])", "⟩"),
    (r"\\([td])frac", r"\\\1frac"),
    (r"(?<!\\)%", r"\\%"),
)

_SEPARATOR = r"(?:,|:)?\\q?quad(?![A-Za-z])|,\\ "
_RELATION = r"(?:\\ )*\\(?:le|ge|iff|Rightarrow|Leftrightarrow|propto|preceq|equiv)(?![A-Za-z])|="

_OPEN = {"(", "[", "\\{", "\\langle", "\\lfloor"}
_CLOSE = {")", "]", "\\}", "\\rangle", "\\rfloor"}

_OPERATORS = frozenset(":;⪯⪰⟺⇔⇒⌊⌋⟨⟩∝≡′·~")
_FENCES = {"⌊": "prefix", "⌋": "postfix", "⟨": "prefix", "⟩": "postfix"}
_FUNCTIONS = frozenset(("log", "exp", "sinh", "cosh", "tanh", "max", "min", "sup", "inf"))
_SCRIPTED = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover"))
_OPERANDS = frozenset(("mi", "mn", "mrow", "mfrac", "msqrt", "mstyle")) | _SCRIPTED

Element = ElementTree.Element


@dataclass(frozen=True)
class Piece:
    """A piece of a statement.

    Attributes
    ----------
    text : str
        LaTeX, or words as they are.
    words : bool
    apart : bool
        Whether there is a space before it, where a line may end.
    """

    text: str
    words: bool
    apart: bool


def formula(latex: str) -> Markup:
    """LaTeX as words and MathML formulas in a row.

    Each formula has its plain text as an alternative.

    Parameters
    ----------
    latex : str
        Without dollar signs.

    Returns
    -------
    Markup

    Raises
    ------
    ValueError
        If it cannot be translated.
    """
    out = Markup("")
    for piece in pieces(latex):
        out += Markup(" " if piece.apart and out else "")
        out += Markup(f'<span class="words">{escape(_quoted(piece.text))}</span>') if piece.words else _math(piece.text)
    return out


def pieces(latex: str) -> list[Piece]:
    """A statement cut at its words and separators, before its relations and, where it is long, before a plus or minus,
    as far as no bracket or group is open.

    Parameters
    ----------
    latex : str

    Returns
    -------
    list of Piece
    """
    out: list[Piece] = []
    current, style = "", ""
    size, bars, apart, operand = 0, 0, False, False

    def cut(next_apart: bool) -> None:
        nonlocal current, size, bars, apart
        if _bare(current):
            out.append(Piece(current, False, apart))
            apart = next_apart
        else:
            apart |= next_apart
        current, size, bars = style, 0, 0

    for token, outside in _tokens(latex):
        if outside and token.startswith("\\text{"):
            words = re.sub(r"\\(.)", r"\1", token[len("\\text{") : -1])
            spaced = bool(re.search(r"(?:\\ |\s)$", current)) or words.startswith(" ")
            current = re.sub(r"(?:\\ |\s)+$", "", current)
            cut(spaced)
            out.append(Piece(words.strip(), True, apart))
            apart = words.endswith(" ")
        elif outside and re.fullmatch(_SEPARATOR, token):
            current += re.sub(r"\\(?:q?quad| )$", "", token)
            cut(True)
        else:
            if outside and re.fullmatch(_RELATION, token):
                if size >= SHORTEST:
                    current = re.sub(r"(?:\\ |\s)+$", "", current)
                    cut(True)
                elif not _bare(current):
                    apart, token = True, re.sub(r"^(?:\\ )+", "", token)
            elif outside and token in "+-" and operand and size >= SHORTEST_SUM and not bars % 2:
                cut(True)
                current += "{}"  # as in TeX: what follows is no sign
            if re.fullmatch(r"\\ ", token) and not _bare(current):
                apart = True  # a space after words
                continue
            current += token
            size += 0 if re.fullmatch(r"[{}_^\\ ,;]|\\[,; ]", token) else 1
            bars += outside and token in ("|", r"\|")
            if token.strip():
                operand = not re.fullmatch(rf"{_RELATION}|[-+,:;<>^_]", token.strip())
            if outside and token.strip() == "\\textstyle":
                style = "\\textstyle "
    cut(False)
    return out


def _bare(latex: str) -> str:
    """Without the style that it begins with."""
    return latex.strip().removeprefix("\\textstyle").strip()


def _tokens(latex: str) -> Iterator[tuple[str, bool]]:
    """Commands, separators and characters, each with whether it stands outside all groups and brackets."""
    depth = 0
    # The argument of \text is one token: its brackets are those of a sentence.
    pattern = rf"\\text\{{[^}}]*\}}|{_SEPARATOR}|{_RELATION}|\\[A-Za-z]+\s*|\\.|."
    for match in re.finditer(pattern, latex, re.DOTALL):
        token = match[0]
        if token in _CLOSE or token == "}" or token.strip() in _CLOSE:
            depth -= 1
        yield token, depth == 0
        if token in _OPEN or token == "{" or token.strip() in _OPEN:
            depth += 1


def _math(latex: str) -> Markup:
    text = latex
    for pattern, replacement in _BEFORE:
        text = re.sub(pattern, replacement, text)
    try:
        root = ElementTree.fromstring(convert(text).replace(f' xmlns="{NAMESPACE}"', ""))
    except Exception as error:
        raise ValueError(f"statement is {latex!r}, expected LaTeX that can be typeset: {error}") from None
    unknown = re.search(r"\\[A-Za-z]*", "".join(root.itertext()))
    if unknown:
        raise ValueError(f"statement is {latex!r}, expected LaTeX that can be typeset: {unknown[0]} is unknown")
    _mend(root)
    first = next(root.iter("mo"), None)
    if first is not None and re.match(rf"{_RELATION}|\{{\}}", _bare(text)):
        first.set("lspace", "0")  # it follows a word space
    body = "".join(ElementTree.tostring(child, encoding="unicode").strip() for child in root)
    plain = escape(in_unicode(latex) or latex)
    return Markup(f'<math displaystyle="true" alttext="{plain}">{body}</math>')


def _quoted(words: str) -> str:
    return re.sub(r"`([^']*)'", r"‘\1’", words)


def _mend(element: Element) -> None:
    for child in element:
        _mend(child)
    name = element.tag
    if name in ("mi", "mn"):
        _mend_token(element)
    elif name == "mo":
        _mend_operator(element)
    elif name == "mtext":
        element.text = _quoted(element.text or "")
    elif name == "mstyle":
        element.attrib.pop("scriptlevel", None)  # absolute: it would enlarge what stands in a script
    _join_letters(element)
    if name not in _SCRIPTED and name != "mfrac":
        _set_forms(element)
        _space_functions(element)


def _mend_token(element: Element) -> None:
    text = element.text or ""
    variant = element.attrib.pop("mathvariant", None)
    if variant == "double-struck":
        element.text = "".join(_DOUBLE_STRUCK.get(c, c) for c in text)
    elif variant == "bold":
        element.text = "".join(chr(ord("𝟎") + int(c)) if c.isdigit() else c for c in text)
    elif variant == "normal" or (len(text) == 1 and "Α" <= text <= "Ω"):
        element.set("mathvariant", "normal")  # capital Greek letters are upright, as in TeX
    if text in _OPERATORS:
        element.tag = "mo"
        if text in _FENCES:
            element.attrib |= {"form": _FENCES[text], "stretchy": "false"}
        elif text == "~":
            element.text = "∼"


_DOUBLE_STRUCK = {"E": "𝔼", "P": "ℙ", "R": "ℝ", "N": "ℕ"}


def _mend_operator(element: Element) -> None:
    if element.text in _FUNCTIONS:
        element.tag = "mi"
    elif element.text == "―":
        element.text = "¯"
        element.attrib = {"stretchy": "true"}
    elif element.text in ("/", "′"):
        element.attrib |= {"lspace": "0", "rspace": "0"}


def _join_letters(element: Element) -> None:
    """Runs of upright letters become one upright word."""
    out: list[Element] = []
    for child in list(element):
        upright = child.tag == "mi" and child.get("mathvariant") == "normal"
        if upright and out and out[-1].tag == "mi" and out[-1].get("mathvariant") == "normal":
            out[-1].text = f"{out[-1].text}{child.text}"
        else:
            out.append(child)
    for child in out:
        if child.tag == "mi" and len(child.text or "") > 1:
            child.attrib.pop("mathvariant", None)  # upright by itself
    if len(out) < len(element):
        element[:] = out
    if len(out) == 1 and element.tag == "mrow" and out[0].tag == "mi" and len(out[0].text or "") > 1:
        element.tag, element.text, element[:] = out[0].tag, out[0].text, []


def _space_functions(element: Element) -> None:
    """A thin space between a named function and the operands beside it."""
    children = list(element)
    out: list[Element] = []
    for i, child in enumerate(children):
        if _is_function(child) and out and (out[-1].tag in _OPERANDS or out[-1].text in (")", "]")):
            out.append(_space())
        out.append(child)
        if _is_function(child) and i + 1 < len(children) and _is_operand(children[i + 1]):
            out.append(_space())
    if len(out) > len(children):
        element[:] = out


def _set_forms(row: Element) -> None:
    """Signs, and bars around a value, which a browser would space like operators between two values."""
    before: Element | None = None
    for child in row:
        bare = before is None or before.tag == "mspace" or (before.tag == "mo" and before.text not in _CLOSING)
        if child.tag == "mo" and child.text in ("−", "+") and bare:
            child.set("form", "prefix")
        before = child
    for opening, closing in _bars(row):
        opening.set("form", "prefix")
        closing.set("form", "postfix")


def _bars(row: Element) -> Iterator[tuple[Element, Element]]:
    """Pairs of bars with no bracket closed between them that was open before; a bar in E[x | y] has no partner."""
    opening: tuple[Element, int] | None = None
    depth = 0
    for child in row:
        sign = _innermost(child)
        text = sign.text if sign.tag == "mo" else ""
        if text == "|":
            if opening is None:
                opening = sign, depth
            else:
                yield opening[0], sign
                opening = None
        elif text in ("(", "[", "{", "⟨"):
            depth += 1
        elif text in (")", "]", "}", "⟩"):
            depth -= 1
            if opening is not None and depth < opening[1]:
                opening = None


_CLOSING = frozenset(")]}⌋⟩‖|′*…")


def _innermost(element: Element) -> Element:
    """What scripts and accents are set on."""
    while element.tag in _SCRIPTED and len(element):
        element = element[0]
    return element


def _is_function(element: Element) -> bool:
    base = _innermost(element)
    return base.tag == "mi" and base.text in _FUNCTIONS


def _is_operand(element: Element) -> bool:
    """Whether it is an operand that a function's name would run into; another function brings its own space."""
    base = _innermost(element)
    return (base.tag in _OPERANDS or base.text in ("|", "‖")) and not _is_function(element)


def _space() -> Element:
    return ElementTree.Element("mspace", {"width": THIN})
