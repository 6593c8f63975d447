"""Text -> unit vectors."""
