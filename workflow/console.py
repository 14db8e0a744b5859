"""What a run says on the terminal: a line for each finished job, and how far long jobs have come.

All that Snakemake says, some 900 lines for the default experiment, is in .snakemake/log, and on the
terminal with --verbose. This handler has the interface of Snakemake's logger plugins, but is not
one: plugins have to be installed, and a workflow is also run from a clone.
"""

import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

SECONDS_BETWEEN_LINES = 60  # about a job that takes longer than this
CHATTER = (
    "Assuming ",
    "Building DAG",
    "Complete log",
    "DAG of jobs will be updated",
    "Elapsed time",
    "Execute ",
    "Exiting because",
    "Provided ",
    "Rules claiming",
    "Select jobs",
    "Shutting down",
    "Singularity containers",
    "Updating checkpoint",
    "Using shell",
    "WorkflowError:\nAt least one job",
)
CHECKPOINTS = ("experiment", "held_out")
TARGETS = ("all", "windows", "models", "reconstructions")  # rules that make nothing
TIMESTAMP = len("2026-01-31 23:59:59,999 ")  # at the beginning of each line of a job's log


class Job(NamedTuple):
    """A running job.

    Parameters
    ----------
    name : str
        Its rule and setting, or shard.
    started : float
        Seconds since the epoch.
    log, output : list of str
        Its files.
    """

    name: str
    started: float
    log: list[str]
    output: list[str]


class Console(LogHandlerBase):
    """Write lines to a stream.

    Parameters
    ----------
    stream : file
        The standard error of Snakemake.
    settings : OutputSettings
        Snakemake's.
    """

    writes_to_stream = True
    writes_to_file = has_filter = has_formatter = needs_rulegraph = False

    def __init__(self, stream: TextIO, settings: Any) -> None:
        super().__init__(settings, None)
        self._stream, self._bar = stream, stream.isatty()
        self._running: dict[int, Job] = {}
        self._finished: list[str] = []
        self._targets = 0
        self._total: int | None = None
        self._closed, self._writing = threading.Event(), threading.Lock()
        threading.Thread(target=self._report_progress, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a record has to say, if anything."""
        try:
            for line in self._lines(record):
                self._write(line)
        except Exception:  # what a handler has to do with its own faults
            self.handleError(record)

    def close(self) -> None:
        """End."""
        self._closed.set()
        super().close()

    def _lines(self, record: logging.LogRecord) -> list[str]:
        event, about = getattr(record, "event", None), record.__dict__
        if event == LogEvent.JOB_INFO:
            self._running[about["jobid"]] = Job(
                name_of(about), record.created, list(about["log"]), list(about["output"])
            )
        elif event == LogEvent.JOB_FINISHED:
            self._finish(about["job_id"], record.created)
        elif event == LogEvent.PROGRESS:
            return self._count(about["done"], about["total"])
        elif event == LogEvent.RUN_INFO:
            return [self._announce(about["stats"])]
        elif event == LogEvent.JOB_ERROR:
            job = self._running.pop(about["jobid"], None)
            return [
                f"{job.name if job else about['rule_name']} failed; see {', '.join(about['log'])}"
            ]
        elif event in (None, LogEvent.ERROR):
            said = record.getMessage() if record.msg else ""
            # A script that fails by itself has said why; one that was killed could not.
            known = said.startswith("RuleException:\nCalledProcessError")
            known = known and said.rstrip().endswith("exit status 1.")
            return [said] if said.strip() and not known and not said.startswith(CHATTER) else []
        return []

    def _announce(self, stats: dict[str, int]) -> str:
        """Say how many jobs of each rule there are to run."""
        self._targets = sum(stats.get(rule, 0) for rule in TARGETS)
        counts = {rule: n for rule, n in stats.items() if rule not in (*TARGETS, "total")}
        rules = ", ".join(f"{n} {rule}" for rule, n in counts.items())
        total = sum(counts.values())
        # Perhaps the same speech is selected as before.
        up_to = "up to " * (
            not counts.keys().isdisjoint(CHECKPOINTS) and "mini_timit" not in counts
        )
        return f"{up_to}{total} job{'s' * (total != 1)}: {rules}"

    def _finish(self, number: int, now: float) -> None:
        """Keep what a job did until Snakemake says how many there are."""
        job = self._running.pop(number, None)
        if job and job.output:
            self._finished.append(f"{job.name}: {result_of(job)}{duration(now - job.started)}")

    def _count(self, done: int, total: int) -> list[str]:
        total -= self._targets
        lines = [f"{line}, {done} of {total}" for line in self._finished]
        self._finished.clear()
        if self._total is not None and total < self._total:
            lines.append(
                f"The same speech is selected as before: {total} jobs instead of {self._total}."
            )
        self._total = total
        return lines

    def _report_progress(self) -> None:
        """While jobs run, say what their logs say: all the time on a terminal, else seldom."""
        while not self._closed.wait(1 if self._bar else SECONDS_BETWEEN_LINES):
            now = time.time()
            running = [
                f"{job.name}: {progress_of(job) or duration(now - job.started)}"
                for job in list(self._running.values())
                if self._bar or now - job.started > SECONDS_BETWEEN_LINES
            ]
            if self._bar:
                self._write("; ".join(running)[: shutil.get_terminal_size().columns - 1], end="\r")
            else:
                for line in running:
                    self._write(line)

    def _write(self, line: str, end: str = "\n") -> None:
        with self._writing:
            self._stream.write(("\r\x1b[K" if self._bar else "") + line + end)
            self._stream.flush()


def attach(settings: Any) -> None:
    """Replace Snakemake's own handler of the terminal, unless the user asks for all it says."""
    logger = logging.getLogger("snakemake.logging")
    default = next((h for h in logger.handlers if h.name == "DefaultStreamHandler"), None)
    if default is None or settings.verbose or settings.dryrun or settings.debug_dag:
        return
    console = Console(default.stream, settings)  # type: ignore[attr-defined]
    for filter_ in default.filters:
        console.addFilter(filter_)
    logger.removeHandler(default)
    logger.addHandler(console)
    os.environ["TQDM_DISABLE"] = "1"  # the bars of several jobs would overwrite each other


def name_of(about: dict[str, Any]) -> str:
    """Name of a job: its rule, and its setting or shard."""
    wildcards = dict(about["wildcards"] or {})
    if "hidden" in wildcards:
        setting = f"{wildcards['recipe']} h{wildcards['hidden']} s{wildcards['seed']}"
        return f"{about['rule_name']} {setting}"
    return " ".join([about["rule_name"], *wildcards.values()])


def result_of(job: Job) -> str:
    """What a training ended with, or how much was selected; nothing for another job."""
    for path in map(Path, job.output):
        if path.stem in CHECKPOINTS and path.exists():
            return f"{len(json.loads(path.read_text('utf-8'))['utterances'])} selected, "
    summary = next((path for path in job.output if path.endswith("run.json")), None)
    if summary is None:
        return ""
    if not Path(summary).exists():  # it is on another machine's disk
        return ""
    run = json.loads(Path(summary).read_text("utf-8"))
    if "taken_over_from" in run:
        return f"taken over from {run['taken_over_from']}, "
    if run["status"] == "diverged":
        return f"diverged at update {run['diverged_at']}, "
    return f"MSE {run['final_training_mse']:.2g}, "


def progress_of(job: Job) -> str:
    """Last line of a job's log, without the time."""
    for log in job.log:
        try:
            with open(log, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 1000))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:  # it has not begun
            continue
        if lines:
            return lines[-1][TIMESTAMP:]
    return ""


def duration(seconds: float) -> str:
    """Seconds in words: 48 s, 3 min 20 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
