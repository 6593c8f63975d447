"""Document -> Chunk: by headings, tables and LaTeX blocks, within a token budget.

splitter   split: the way in; chunk identity, pages, kinds
options    SplitOptions
sections   blocks -> sections of atoms, and what holds an atom to the next
pack       atoms -> drafts of chunks
merge      small drafts joined to siblings
context    heading path, captions and headers that a chunk repeats
links      the sections around a chunk, and its neighbours
expand     a table into rows, a list into items, prose into sentences
tables, formulas, lists, prose, cutting   where each of these may be cut
"""

from rag_ingest.split.options import SplitOptions
from rag_ingest.split.splitter import split

__all__ = ["SplitOptions", "split"]
