"""Chunk and vector -> LanceDB: schema, ledger, upsert, search."""
