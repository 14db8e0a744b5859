"""Snakemake, imported once: each run is a fork of this process, which saves its start.

Reads a line of JSON for each run: folder, arguments, environment, and the file for what it prints.
Answers with a line: its exit status.
"""

import json
import os
import sys

import snakemake.api  # noqa: F401
import snakemake.cli
import snakemake.workflow  # noqa: F401


def run(folder, arguments, environment, said):
    """Be a process that was started as `python -m snakemake` with these arguments."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout.reconfigure(line_buffering=True)
    sys.argv = ["snakemake", *arguments]
    snakemake.cli.main()


for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            run(*json.loads(line))
        except SystemExit as end:
            code = end.code
            if isinstance(code, str):
                print(code, file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 1 if code else 0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
