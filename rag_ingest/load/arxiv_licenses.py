"""Licences of papers: arXiv's metadata has them as URLs, people ask for them by short names."""

from __future__ import annotations

import re
from collections.abc import Iterable

LICENSES = {
    "by": "creativecommons.org/licenses/by/",
    "by-sa": "creativecommons.org/licenses/by-sa/",
    "by-nc-sa": "creativecommons.org/licenses/by-nc-sa/",
    "by-nc-nd": "creativecommons.org/licenses/by-nc-nd/",
    "cc0": "creativecommons.org/publicdomain/zero/",
    "public-domain": "creativecommons.org/licenses/publicdomain/",
    "arxiv": "arxiv.org/licenses/",
}
"""Short name: where its URL begins, for every licence that arXiv has offered
(https://info.arxiv.org/help/license/index.html). No beginning is another's, so "by" is not "by-sa"."""


def license_asked(name: str) -> str:
    """What a URL must hold for the licence that is asked for; empty where no such one is known."""
    name = name.strip().lower()
    if "/" in name:
        return re.sub(r"^https?://(?:www\.)?", "", name)
    return LICENSES.get(name, "") or LICENSES.get(name.removeprefix("cc-"), "")


def license_fits(url: str, asked: Iterable[str]) -> bool:
    """Whether a licence's URL is one of those asked for; `asked` as `license_asked` gave them.

    `by/4.0` fits `…/licenses/by/4.0/`: a part counts from a slash on, so that it never fits `…/evil-by/4.0/`.
    """
    bare = "/" + re.sub(r"^https?://(?:www\.)?", "", url.strip().lower()).rstrip("/") + "/"
    return any("/" + part.lstrip("/") in bare for part in asked)
