"""TeX and JATS are read into prose, tables and formulas; what is unsure is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.init.grid import Grid, table
from eval.init.jats import read_jats
from eval.init.prose import askable, sentences
from eval.init.tex import read_tex_source
from eval.init.tex_files import Macro, find_root, macros, resolve
from eval.init.tex_text import plain

MAIN = r"""\documentclass{article}
\newcommand{\vect}[1]{\mathbf{#1}}
\newcommand\gate{sluice gate}
\DeclareMathOperator{\lag}{lag}
\begin{document}
\begin{abstract}An abstract about a \gate{} at the weir.\end{abstract}
\section{Gates and \emph{tides}}
% a comment with \input{nowhere}
\input{sections/gates}
\begin{thebibliography}{9}\bibitem{a} Somebody. A book about rivers and canals of the north.\end{thebibliography}
\end{document}
"""

GATES = r"""The \gate{} is closed~\cite{a} when the water at the outer weir rises above four metres; see Fig.~\ref{f}.

The level of the inner basin follows the outer level with a delay that grows with temperature, namely
\begin{equation}\label{eq:h}
  \vect{h}(t) = \frac{\lag(t)}{2} + h_0 \quad .
\end{equation}
It is small. % 50\% of it
A delay depends on salinity:

$$d = a + b s^2$$

\begin{table}
\caption{Levels of gates at the \textbf{outer} weir.}
\begin{tabular}{lcc}
\toprule
 & \multicolumn{2}{c}{Level (m)} \\
\cmidrule(lr){2-3}
Gate & Day & Night \\
\midrule
\multirow{2}{*}{North} & 3.51 & $4.0 \pm 0.1$ \\
 & 2.25 & 2.75 \\
South \& East & 1\,260 & -- \\
\bottomrule
\end{tabular}
\end{table}
"""


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    (tmp_path / "sections").mkdir()
    (tmp_path / "main.tex").write_text(MAIN, encoding="utf-8")
    (tmp_path / "sections" / "gates.tex").write_text(GATES, encoding="latin-1")
    return tmp_path / "main.tex"


def test_tex_with_inputs_and_macros(paper: Path) -> None:
    source = read_tex_source(paper)
    assert source.paragraphs[0] == "An abstract about a sluice gate at the weir."
    assert "The sluice gate is closed when the water" in source.paragraphs[1]
    assert not any("book about rivers" in p or "comment" in p or "Gates and" in p for p in source.paragraphs)
    assert [formula.tex for formula in source.formulas] == [
        r"\mathbf{h}(t) = \frac{\operatorname{lag}(t)}{2} + h_0",
        "d = a + b s^2",
    ]
    assert source.formulas[0].lead.startswith("The level of the inner basin")
    assert source.formulas[1].lead == "A delay depends on salinity:"


def test_a_tabular_with_spans(paper: Path) -> None:
    (found,) = read_tex_source(paper).tables
    assert found.caption == "Levels of gates at the outer weir."
    assert found.columns == ("Gate", "Level (m) / Day", "Level (m) / Night")
    assert found.rows == (
        ("North", "3.51", r"$4.0 \pm 0.1$"),
        ("North", "2.25", "2.75"),
        ("South & East", "1 260", "–"),
    )


def test_the_root_is_found_among_files(paper: Path) -> None:
    other = paper.with_name("slides.tex")
    other.write_text(MAIN * 3, encoding="utf-8")
    assert find_root([other, paper, paper.parent / "sections" / "gates.tex"]) == paper
    assert find_root([paper.parent / "sections" / "gates.tex"]) is None


def test_inputs_and_macros_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "main.tex").write_text(
        r"\documentclass{a}\begin{document}x\input{main}\end{document}", encoding="utf-8"
    )
    assert read_tex_source(tmp_path / "main.tex").kind == "TeX"
    assert "a" in resolve(r"\a", {"a": Macro(0, r"\a a")})


@pytest.mark.parametrize(
    ("defined", "used", "written"),
    [
        (r"\newcommand{\x}{y}", r"\x{} z \xy", r"y z \xy"),
        (r"\newcommand*\x[2]{#2 of #1}", r"\x{a}{b}", "b of a"),
        (r"\def\x#1{<#1>}", r"\x{a}", "<a>"),
        (r"\renewcommand{\x}{\y}\newcommand{\y}{z}", r"\x", "z"),
        (r"\newcommand{\v}{y}", r"\lVert\v", r"\lVert y"),
        (r"\newcommand{\x}[1][d]{#1}", r"\x", r"\x"),
    ],
)
def test_macros(defined: str, used: str, written: str) -> None:
    assert resolve(used, macros(defined)) == written


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"{\it thin} and \textbf{bold \emph{both}}", "thin and bold both"),
        (r"na\"{\i}ve caf\'e Erd\H{o}s \o", "naïve café Erdős ø"),
        (r"50\,\% of $x_1$ -- ``so''", "50 % of $x_1$ – “so”"),
        (r"said \cite[p.~3]{a}, in~\citep{b,c}.", "said, in."),
        (r"with \unknown{x}", r"with \unknownx"),
        (r"a \$5 \& b\_c \{d\}", "a $5 & b_c {d}"),
    ],
)
def test_plain_text(tex: str, text: str) -> None:
    assert plain(tex) == text


JATS = """<?xml version="1.0"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving DTD v1.1//EN" "JATS-archivearticle1.dtd">
<article xmlns:mml="http://www.w3.org/1998/Math/MathML"><front><abstract><p>About gates.</p></abstract></front><body>
<sec><title>Gates</title><p>The H<sub>2</sub>O rises [<xref ref-type="bibr">1</xref>], see
<xref ref-type="fig">Fig. 1</xref>. Its level is
<disp-formula><alternatives><tex-math>\\documentclass{minimal}\\begin{document}$$h = a + b$$\\end{document}</tex-math>
</alternatives></disp-formula> at night.</p><table-wrap><label>Table 1</label><caption><p>Table 1. Levels of gates</p>
</caption><table><thead><tr><th rowspan="2">Gate</th><th colspan="2">Level</th></tr><tr><th>Day</th><th>Night</th></tr>
</thead><tbody><tr><td>North</td><td>3.5</td><td>4.1</td></tr><tr><td>South</td><td>2.2</td><td>2.7</td></tr></tbody>
</table></table-wrap></sec></body><back><ref-list><ref><p>A book.</p></ref></ref-list></back></article>"""


def test_jats(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(JATS, encoding="utf-8")
    source = read_jats(tmp_path / "a.xml")
    assert source.paragraphs[0] == "About gates."
    assert source.paragraphs[1].startswith("The H2O rises, see")
    assert [(f.tex, f.lead) for f in source.formulas] == [("h = a + b", "Its level is")]
    (found,) = source.tables
    assert found.caption == "Levels of gates"
    assert found.columns == ("Gate", "Level / Day", "Level / Night")
    assert found.rows == (("North", "3.5", "4.1"), ("South", "2.2", "2.7"))


@pytest.mark.parametrize("text", ["<article><p>", '<!DOCTYPE a [<!ENTITY x "y">]><article>&x;</article>'])
def test_broken_and_hostile_xml_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="XML"):
        read_jats(tmp_path / "a.xml")


def test_a_grid_without_a_header_or_body_is_no_table() -> None:
    assert table(Grid([["a", "b"]], set()), "c") is None
    assert table(Grid([["a"], ["b"], ["c"]], set()), "c") is None
    assert table(Grid([["a", "b"], ["c"], ["d"]], set()), "c") is None


def test_sentences() -> None:
    text = "It rose by 3.5 m (e.g. Smith et al. 2003). See Fig. 3 for it. $x$ is small. \uffff Then it fell"
    expected = ["It rose by 3.5 m (e.g. Smith et al. 2003).", "See Fig. 3 for it.", "$x$ is small.", "Then it fell"]
    assert sentences(text) == expected


WHOLE = "The sluice gate at the outer weir is closed whenever the salinity of the basin rises."


@pytest.mark.parametrize(
    ("sentence", "fine"),
    [
        (WHOLE, True),
        (WHOLE.replace("The", "the", 1), False),
        (WHOLE[:-1], False),
        ("The gate is closed.", False),
        (WHOLE.replace("weir", "weir of Fig. 3"), False),
        (WHOLE.replace("weir", r"\weir"), False),
        (WHOLE.replace("weir", "weir (see )"), False),
        (WHOLE.replace("The sluice", "We thank the sluice"), False),
        (WHOLE.replace("weir", "\ufffc"), False),
    ],
)
def test_what_can_be_asked_about(sentence: str, fine: bool) -> None:
    assert askable(sentence) is fine
