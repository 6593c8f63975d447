"""PageMarkdown -> Document: Markdown blocks, and pages joined to a paper."""
