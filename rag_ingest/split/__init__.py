"""Document -> Chunk: by headings, tables and LaTeX blocks, within a token budget."""
