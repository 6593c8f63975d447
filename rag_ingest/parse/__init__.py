"""PageMarkdown -> Document: Markdown blocks, and pages joined to a paper.

document   parse_markdown, assemble: the two ways in

One text:
blocks     one Markdown text -> blocks with exact character spans
lines      line numbers of the parser <-> offsets in the untouched source
regions    constructs that run to a closing mark, found before the block rules run
math, fences, html, stops   what opens and closes such a construct, and where an unclosed one ends
rules      the block rules that markdown-it-py runs
captions   captions beside tables and figures

Pages, in the order of the work:
sheets     pages as they were read; the strands of a document that is woven from them
furniture  running headers and footers; edges: what could be one; page_numbers; alike: recognition errors
notes      notes at the foot of a page
joined_tables, tables       tables that go on behind a page's end
joins, hyphens              paragraphs that do; words that the break cut
weave      strands -> Markdown, pieces, removals
restore    restore_pages: every page back from the document

The whole paper:
headings, numbering, levels   titles and paths; section numbers; levels that agree
roles      references and acknowledgements
floats     captions that only their place tells; tables behind the last section
front      title, authors, abstract
"""

from rag_ingest.parse.document import assemble, parse_markdown
from rag_ingest.parse.restore import restore_pages

__all__ = ["assemble", "parse_markdown", "restore_pages"]
