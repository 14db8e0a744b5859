"""What every script does before and after its one call into rnnpipe.

A sweep consists of many short jobs. A quarter of the time to load and unload torch is spent in the
garbage collector, on objects that live as long as the process. So this module, the first import of
every script, disables the collector until the work begins. At the end of the work, it freezes all
remaining objects.
"""

import gc
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

gc.disable()

from rnnpipe.errors import RnnpipeError  # noqa: E402


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a job's work with its log open.

    An error that the user can correct is printed as plain lines, in the log and on standard error.
    Any other error is a bug and keeps its traceback.
    """
    gc.enable()
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(message)s",
    )
    # Warnings of the library are also printed on the terminal.
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter("rnnpipe: %(message)s"))
    logging.getLogger("rnnpipe").addHandler(terminal)
    try:
        yield
    except RnnpipeError as error:
        logging.error("%s", error)
        sys.exit("\n".join(f"rnnpipe: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        logging.error("interrupted")
        sys.exit("rnnpipe: interrupted")
    except Exception:
        logging.error("%s", traceback.format_exc())
        raise
    finally:
        gc.freeze()
