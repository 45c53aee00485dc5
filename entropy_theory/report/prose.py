"""Plain text with formulas in ASCII, set as HTML.

The texts of the claims are written for a terminal: ``||g + alpha h||_F <= (1 + alpha k) ||g||_F``. Here they get
Greek letters, signs, indices and powers, and single letters in italics. Only what is certain is changed, and nothing is
lost: `plain` leads back from the HTML to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from html.parser import HTMLParser

from markupsafe import Markup, escape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Delta": "Δ", "Sigma": "Σ", "Phi": "Φ", "Theta": "Θ",
}  # fmt: skip

SIGNS = {"||": "‖", "<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "...": "…", "+/-": "±"}

_BIG = {"sum": "∑", "prod": "∏", "int": "∫"}

_LETTER = r"[^\W\d_]"
_GROUP = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_BRACKET = r"\((?:[^()]|\([^()]*\))*\)"

# What an index may hang on: a short name, a Greek letter, a sign of a sum, a bracket, a bar or a prime; not the
# underscore in the name of a module.
_BASE = (
    rf"(?:(?<!{_LETTER})d?(?:{'|'.join((*GREEK, *_BIG))})"
    rf"|(?<![\w]){_LETTER}{{1,4}}|(?<!{_LETTER})\d|bar|[)\]}}|'*>])"
)

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("angle", r"<(?=[^\s=<>])(?P<inner>[^<>=]*?,[^<>=]*?)>(?=$|[\s_,.;:|)'\]])"),
    ("tag", r"</?[A-Za-z][^\s<>=]*>"),
    ("sub", rf"_(?P<sub>{_GROUP}|[A-Za-z]+(?P<second>,[a-z](?![A-Za-z_]))?|\d+|[*+-](?!\w))"),
    ("sup", rf"\^(?P<sup>{_GROUP}|{_BRACKET}|[-+]?\d+(?:\.\d+)?(?![\d.]*\d|/\d)|-?[A-Za-z]+|[*+])"),
    ("sign", r"\|\||<=|>=|!=|->|\.\.\.|\+/-"),
    ("grad", r"(?<![A-Za-z])grad(?: (?=[A-Z]|[a-z](?![A-Za-z]))|(?= (?:\(|log|KL)))"),
    ("root", r"(?<![A-Za-z])sqrt(?: (?=\d)|(?=\())"),
    ("bar", r"(?<![A-Za-z])(?P<barred>d?[A-Z])bar(?![A-Za-z])"),
    ("big", r"(?<![A-Za-z])(?P<big>sum|prod|int)(?=_)"),
    ("greek", rf"(?<![A-Za-z])(?<![A-Za-z]-)(?P<d>d?)(?P<greek>{'|'.join(GREEK)})(?![A-Za-z])"),
    (
        "minus",
        r"(?<= )-(?= )|(?<=\de)-(?=\d)|(?<![\w)\]}'])-(?=[A-Za-z0-9(\[|<])",
    ),
    ("letter", r"(?<![\w.])(?<![A-Za-z]-)(?P<letter>d?[A-Za-z]|pA|pq)(?![A-Za-z0-9]|\.[A-Za-z0-9]|-[A-Za-z])"),
)

_MASTER = re.compile("|".join(f"(?P<{name}_>{pattern})" for name, pattern in _PATTERNS))

_HEADED = re.compile(r"(?:Appendix|Section|Table|Part|Lemma|Theorem|Remark|Proposition|Corollary|Definition) $")
_AS_NAME = re.compile(r"(?:action|token|entry) $")
_ARTICLE = re.compile(r" [A-Za-z]")
_START = re.compile(r"(?:^|[.:;!?] |['\"(])$")
_IN_FORMULA = re.compile(r" in [A-Z]\b")


def typeset(text: str, links: Mapping[str, str] | None = None) -> Markup:
    """A text as HTML.

    Parameters
    ----------
    text : str
    links : mapping of str to str, optional
        Addresses of names, such as those of other claims, that become links where they occur.

    Returns
    -------
    Markup

    Examples
    --------
    >>> print(typeset("gamma_reg <= 2"))
    <i>γ</i><sub>reg</sub> ≤ 2
    """
    if not links:
        return _formulas(text)
    out, end = Markup(""), 0
    for match in _names(frozenset(links)).finditer(text):
        target = escape(links[match[0]])
        out += _formulas(text[end : match.start()]) + Markup(f'<a href="{target}">{escape(match[0])}</a>')
        end = match.end()
    return out + _formulas(text[end:])


def plain(html: str) -> str:
    """The text from which `typeset` made some HTML.

    Which brackets a power had, and braces around one letter or number, are not kept.

    Parameters
    ----------
    html : str

    Returns
    -------
    str

    Examples
    --------
    >>> plain("<i>γ</i><sub>reg</sub> ≤ 2")
    'gamma_reg <= 2'
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text


@cache
def _names(links: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(links, key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<![\w/.-])(?:{names})(?![\w/-]|\.\w)")


def _formulas(text: str) -> Markup:
    out, end = Markup(""), 0
    position = 0
    while match := _MASTER.search(text, position):
        name = match.lastgroup or ""
        shown = _SET[name.removesuffix("_")](match)
        if shown is None:
            position = match.start() + 1
            continue
        out += escape(text[end : match.start()]) + shown
        position = end = match.end()
    return out + escape(text[end:])


def _sub(match: re.Match[str]) -> Markup | None:
    base = re.search(rf"{_BASE}$", match.string[: match.start()])
    if base is None or (match["second"] and match.string[: base.start()].endswith("(")):
        return None  # no index, or an argument: of (s_t,a) the second may be either
    return Markup(f"<sub>{_formulas(_bare(match['sub'], '{'))}</sub>")


def _sup(match: re.Match[str]) -> Markup | None:
    before = match.string[: match.start()]
    if not re.search(r"[\w)\]}|'*]$", before):
        return None
    return Markup(f"<sup>{_formulas(_bare(match['sup'], '{('))}</sup>")


def _bare(text: str, openings: str) -> str:
    return text[1:-1] if text[0] in openings else text


def _letter(match: re.Match[str]) -> Markup | None:
    letter, before, after = match["letter"], match.string[: match.start()], match.string[match.end() :]
    if _HEADED.search(before):
        return None
    if letter in ("a", "A") and _ARTICLE.match(after):
        named = _AS_NAME.search(before) or _IN_FORMULA.match(after)
        if not named and (letter == "a" or _START.search(before)):
            return None  # an article
    if (letter == "s" and before.endswith("'")) or letter in ("do", "di"):
        return None
    return Markup(f"<i>{letter}</i>")


def _greek(d: str, letter: str) -> Markup:
    return Markup(f"{d}{letter}") if letter.isupper() else Markup(f"<i>{d}{letter}</i>")


_SET: dict[str, Callable[[re.Match[str]], Markup | None]] = {
    "angle": lambda m: Markup(f"⟨{_formulas(m['inner'])}⟩"),
    "tag": lambda m: escape(m[0]),
    "sub": _sub,
    "sup": _sup,
    "sign": lambda m: Markup(SIGNS[m[0]]),
    "grad": lambda m: Markup("∇"),
    "root": lambda m: Markup("√"),
    "bar": lambda m: Markup(f"<i>{m['barred']}\u0304</i>"),
    "big": lambda m: Markup(_BIG[m["big"]]),
    "greek": lambda m: _greek(m["d"], GREEK[m["greek"]]),
    "minus": lambda m: Markup("−"),
    "letter": _letter,
}

_BACK: tuple[tuple[str, str], ...] = (
    *((sign, text) for text, sign in SIGNS.items()),
    *((sign, word) for word, sign in (*GREEK.items(), *_BIG.items())),
    ("−", "-"),
    ("⟨", "<"),
    ("⟩", ">"),
)


class _Reader(HTMLParser):
    """The way back."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = [""]

    @property
    def text(self) -> str:
        return self.parts[0]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("sub", "sup"):
            self.parts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("sub", "sup"):
            return
        inner = self.parts.pop()
        opening, closing = "{}" if tag == "sub" else "()"
        simple = re.fullmatch(r"[-+]?\w+(?:\.\d+)?|[*+-]|[A-Za-z]+,[a-z]", inner)
        self.parts[-1] += ("_" if tag == "sub" else "^") + (inner if simple else f"{opening}{inner}{closing}")

    def handle_data(self, data: str) -> None:
        text = re.sub(r"∇(?! )", "grad ", data).replace("∇", "grad")
        text = re.sub(r"√(?=\d)", "sqrt ", text).replace("√", "sqrt").replace("\u0304", "bar")
        for sign, plain_text in _BACK:
            text = text.replace(sign, plain_text)
        self.parts[-1] += text
