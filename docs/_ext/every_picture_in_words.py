"""Warns of every picture without an alternative text, for which a browser would read out the name of its file."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)


def check_pictures(app: Any, doctree: nodes.document) -> None:
    """Warn of each image whose ``alt`` is missing or empty."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            logger.warning("picture %s has no alternative text", image["uri"], location=image)


def setup(app: Any) -> dict[str, bool]:
    """Join the build."""
    app.connect("doctree-read", check_pictures)
    return {"parallel_read_safe": True}
