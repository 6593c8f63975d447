"""PageMarkdown -> Document: Markdown blocks, and pages joined to a paper.

document   parse_markdown, assemble: the two ways in
blocks     one Markdown text -> blocks with exact character spans
lines      line numbers of the parser <-> offsets in the untouched source
regions    constructs that run to a closing mark, found before the block rules run
math, fences, html, stops   what opens and closes such a construct, and where an unclosed one ends
rules      the block rules that markdown-it-py runs
headings, captions          titles and paths; captions beside tables and figures
"""

from rag_ingest.parse.document import assemble, parse_markdown
from rag_ingest.parse.restore import restore_pages

__all__ = ["assemble", "parse_markdown", "restore_pages"]
