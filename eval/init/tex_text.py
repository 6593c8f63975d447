r"""TeX prose into plain text with TeX formulas between dollars; what can't be read stays visible as a backslash."""

from __future__ import annotations

import re
import unicodedata

from eval.init.prose import POINTER
from eval.init.tex_files import group

_DROPPED = re.compile(
    r"\\(?:cite\w*|nocite|label|index|footnote|footnotemark|footnotetext|thanks|vspace|hspace|"
    r"includegraphics|bibliography\w*|todo|marginpar|phantom|vskip|hskip|raisebox|setlength|tablefootnote)\*?\s*"
    r"(?:\[[^\]]*\]\s*)*(?=\{)"
)
_POINTER = re.compile(r"\\(?:ref|eqref|autoref|[cC]ref|pageref|vref|nameref)\*?\s*\{[^{}]*\}")
_UNWRAPPED = re.compile(
    r"\\(?:emph|text\w*|mbox|hbox|makebox|uppercase|underline|url|texorpdfstring|ensuremath|protect|acs?|ac[lf]|"
    r"MakeUppercase|rotatebox|multicolumn|makecell|thead|centering|scriptsize)\*?\s*(?:\[[^\]]*\]\s*)*(?=\{)"
)
_SWITCH = re.compile(
    r"\\(?:it|bf|rm|sc|tt|sf|em|sl|itshape|bfseries|small|footnotesize|scriptsize|tiny|normalsize|large|Large|centering|"
    r"noindent|indent|par|xspace|protect|smallskip|medskip|bigskip|newline|linebreak|pagebreak|clearpage|newpage|"
    r"raggedright|raggedleft|appendix|maketitle|item|hfill|vfill|quad|qquad|relax|leavevmode|break|nobreak|ignorespaces)"
    r"(?![A-Za-z])\s*(?:\[[^\]]*\])?"
)
_ACCENT = re.compile(r"\\([`'^\"~=.]|[Hcuvrkd](?![A-Za-z]))\s*\{?\\?([A-Za-zıȷ])\}?")
_MARKS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "H": "\u030b", "c": "\u0327", "u": "\u0306", "v": "\u030c", "r": "\u030a", "k": "\u0328", "d": "\u0323",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł", "L": "Ł",
    "i": "i", "j": "j", "S": "§", "copyright": "©", "ldots": "…", "dots": "…", "textdegree": "°", "degree": "°",
    "pounds": "£", "textbackslash": "", "LaTeX": "LaTeX", "TeX": "TeX", "dag": "†", "ddag": "‡", "textmu": "µ",
    "texttildelow": "~", "textasciitilde": "~", "slash": "/",
}  # fmt: skip
_LETTER = re.compile(r"\\(" + "|".join(sorted(_LETTERS, key=len, reverse=True)) + r")(?![A-Za-z])\s*(?:\{\})?")
_MATH = re.compile(r"\\\((.+?)\\\)|(?<!\\)\$([^$]+?)(?<!\\)\$", re.DOTALL)


def plain(tex: str) -> str:
    r"""Prose without markup; inline formulas stay as `$…$`. A command that isn't known stays, for the caller to see."""
    formulas: list[str] = []

    def kept(match: re.Match[str]) -> str:
        formulas.append(" ".join((match[1] or match[2]).split()))
        return f"\x00{len(formulas) - 1}\x01"

    text = _POINTER.sub(POINTER, _MATH.sub(kept, tex))
    text = _without_groups(text)
    text = _ACCENT.sub(lambda m: unicodedata.normalize("NFC", m[2] + _MARKS[m[1]]), text)
    text = _LETTER.sub(lambda m: _LETTERS[m[1]], _SWITCH.sub(" ", text))
    text = re.sub(r"\\[ ,;:!/@-]|(?<!\\)~", " ", text).replace("\\\\", " ")
    text = re.sub(r"\\([%&_$#{}])", "\x02\\1", text)
    text = re.sub(r"(?<!\x02)[{}]", "", text).replace("\x02", "")
    for ascii_sign, sign in (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”")):
        text = text.replace(ascii_sign, sign)
    text = re.sub(r"\x00(\d+)\x01", lambda m: f"${formulas[int(m[1])]}$", text)
    return re.sub(r"\s+([.,;:)])", r"\1", " ".join(text.split())).replace("()", "").replace("[]", "")


def _without_groups(text: str) -> str:
    """Citations and the like gone with their argument; emphasis and the like replaced by it."""
    for _ in range(6):
        dropped = _drop(text)
        opened = _UNWRAPPED.sub("", dropped)
        if opened == text:
            break
        text = opened
    return text


def _drop(text: str) -> str:
    pieces, end = list[str](), 0
    for match in _DROPPED.finditer(text):
        if match.start() < end:
            continue
        pieces.append(text[end : match.start()].rstrip(" ~"))
        end = group(text, match.end())[1]
        if end == match.end():
            return "".join([*pieces, text[match.start() :]])
    return "".join([*pieces, text[end:]])
