"""Progress of long work: a bar on a terminal, plain lines in the log."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10

logger = logging.getLogger(__name__)


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield `items`, and report the progress."""
    started = said = time.monotonic()
    bar = tqdm(items, desc=what, leave=False, disable=None)
    for done, item in enumerate(bar):
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said = now
            left = (now - started) / done * (len(items) - done)
            logger.info("%s: %d of %d, %.0f s to go", what, done, len(items), left)
        yield item
    logger.info("%s: %d in %.1f s", what, len(items), time.monotonic() - started)
