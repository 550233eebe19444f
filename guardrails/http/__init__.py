"""The only way out over HTTP: `fetch` for addresses that people or the model choose, `call` for what admins set up."""

from guardrails.http.call import Reply, acall, call
from guardrails.http.fetch import Page, fetch

__all__ = ["Page", "Reply", "acall", "call", "fetch"]
