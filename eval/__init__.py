"""Does structured Markdown retrieve better than plain text? Suites, arms, relevance, metrics, report."""
