"""What every script does around its one call into rnnpipe.

A sweep is many short jobs, and a quarter of the time that torch takes to load and to go goes into
looking for cycles among objects that live as long as the process. So the first import of a script,
this one, stops that until the work begins, and the end of the work sets aside all that is there.
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

    What the user can mend is said in plain lines, in the log and on standard error; anything else
    is a bug and keeps its traceback.
    """
    gc.enable()
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(message)s",
    )
    # What the library warns of is for the terminal as well.
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
