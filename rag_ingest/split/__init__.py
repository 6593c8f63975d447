"""Document -> Chunk: by headings, tables and LaTeX blocks, within a token budget.

splitter   split: the way in
options    SplitOptions
sections   blocks -> sections of atoms
glue       what holds a block to the next
meter      tokens of a text: counted, or told from its length
pack       atoms -> drafts of chunks
draft      a chunk before it has an identity
merge      small drafts joined to siblings
overlap    drafts that begin with the end of the one before
finish     drafts -> chunks: identity, links, pages, kinds
links      the sections around a chunk, and its neighbours
context    heading path, captions and headers that a chunk repeats
expand     a table into rows, a list into items, prose into sentences
tables, formulas, lists, prose, cutting     where each of these may be cut
table_read, table_model, table_cells        what a table holds
table_text                                  a table in words, for embedding
"""

from rag_ingest.split.options import SplitOptions
from rag_ingest.split.splitter import split

__all__ = ["SplitOptions", "split"]
