"""How well was a paper read? Output against ground truth, apart from what retrieval makes of it.

content, raw_tables, display_math    Markdown -> text, tables and formulas in one normal form
text       edit similarity and reading order
teds, tables   tree edit distance of tables; which table is which
formulas, katex   display formulas by TeX tokens, and as KaTeX sets them
matching   one-to-one assignment
measure    all of it for a set of documents, with intervals over documents
folders    two folders of Markdown files compared
olmocr     unit tests of single pages, as olmOCR-bench defines them
"""

from eval.quality.measure import MEASURES, arm_quality

__all__ = ["MEASURES", "arm_quality"]
