"""olmOCR-bench: unit tests on the Markdown of single pages, as AllenAI defines them (allenai/olmocr, `olmocr/bench`).

cases      dataset.jsonl -> one frozen case a line
wording    the normalisation that olmOCR-bench does before it looks for text
text       present, absent, order, baseline
cells, table   tables as graphs of neighbouring cells; what a cell's neighbours and headings must be
math       a formula is on the page
score      cases against the Markdown of pages: by type, with intervals over PDFs
pages      the Markdown of pages: read by an engine, or from a folder

Where it differs: formulas are compared by the MathML of KaTeX, reduced to what is drawn, and not by glyph places in a
browser (without KaTeX by TeX tokens); a table nested in a cell is text of that cell.
"""
