"""Progress of long work: a bar on a terminal, plain lines in the log."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10

logger = logging.getLogger(__name__)


def progress(items: Sequence[T], what: str, state: Callable[[], str] = lambda: "") -> Iterator[T]:
    """Yield `items`, and report the progress, with a few words about the state if it has any."""
    started = said = time.monotonic()
    bar = tqdm(items, desc=what, leave=False, disable=None)
    for done, item in enumerate(bar):
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said = now
            left = (now - started) / done * (len(items) - done)
            words = (f"{done} of {len(items)}", state(), f"{left:.0f} s to go")
            logger.info("%s: %s", what, ", ".join(filter(None, words)))
        yield item
    logger.info("%s: %d in %.1f s", what, len(items), time.monotonic() - started)
