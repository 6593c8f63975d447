"""One client for OpenAI-compatible endpoints: bounded, patient with a busy server, and silent about its key.

It lies below the stages, so that engines and embedders share it.
"""

from rag_ingest.http.client import HttpClient
from rag_ingest.http.endpoint import EndpointOptions, base_url
from rag_ingest.http.exchange import RequestFailed

__all__ = ["EndpointOptions", "HttpClient", "RequestFailed", "base_url"]
