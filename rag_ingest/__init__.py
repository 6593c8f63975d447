"""PDFs and page images into a searchable LanceDB knowledge base."""
