"""Source -> Page: files, folders, globs and URLs; PDFs and images."""
