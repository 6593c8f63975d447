"""The commands of `rag-ingest`, one file a group; `cli` puts them together."""
