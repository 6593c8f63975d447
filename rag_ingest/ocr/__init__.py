"""Page -> PageMarkdown: the engines."""
