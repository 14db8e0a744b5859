"""What a run says on the terminal: a line for each job, and how far long jobs have come."""

import io
import logging
import re
import sys
import time

from helpers.workflow import REPOSITORY, ran, snakemake
from snakemake_interface_logger_plugins.common import LogEvent

sys.path.append(str(REPOSITORY / "workflow"))

import console  # noqa: E402


def test_a_run_says_one_line_for_each_job(finished):
    said = (finished / "said.txt").read_text("utf-8")
    assert re.search(r"^34 jobs: 1 mini_timit, 8 extract, ", said, re.MULTILINE)
    jobs = re.findall(r"^(\S.*): (.*?)(?:\d+ min )?\d+ s, (\d+) of 34$", said, re.MULTILINE)
    assert [int(number) for *_, number in jobs] == list(range(1, 35))
    names = [name for name, *_ in jobs]
    assert len(set(names)) == 34
    assert {"extract TRAIN-DR8", "dynamics clipped h5 s0", "report"} <= set(names)
    assert ("experiment", "1 selected, ") in [(name, result) for name, result, _ in jobs]
    trained = {name: result for name, result, _ in jobs if name.startswith("train ")}
    assert len(trained) == 4
    assert all(re.fullmatch(r"MSE 0\.\d+, ", result) for result in trained.values())
    table = (finished / "results/tables/mse.txt").read_text()
    assert said.count("\n") <= 34 + table.count("\n") + 6


def test_all_that_snakemake_says_is_in_its_log_and_shown_on_request(run):
    assert len(ran(run, which=0)["train"]) == 4
    assert "Building DAG" not in snakemake(run, "all")
    assert "Building DAG" in snakemake(run, "all", "--verbose")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def record(event, message="", **about):
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    made.__dict__.update(event=event, **about)
    return made


def job(tmp_path, number=1, rule="train"):
    log = tmp_path / "job.log"
    log.write_text(
        "2026-01-31 23:59:49,999 training: 90 of 200, MSE 0.9, 20 s to go\n"
        "2026-01-31 23:59:59,999 training: 100 of 200, MSE 0.5, 10 s to go\n"
    )
    return record(
        LogEvent.JOB_INFO,
        jobid=number,
        rule_name=rule,
        wildcards={"recipe": "note", "hidden": "5", "seed": "0"},
        log=[str(log)],
        output=[str(tmp_path / "run.json")],
    )


def test_a_terminal_shows_how_far_jobs_have_come(tmp_path):
    terminal = Terminal()
    shown = console.Console(terminal, None)
    shown.emit(job(tmp_path))
    time.sleep(2.5)
    shown.close()
    line = "train note h5 s0: training: 100 of 200, MSE 0.5, 10 s to go"
    assert f"\r\x1b[K{line}\r" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()  # one line, written again and again


def test_in_a_file_long_jobs_have_a_line_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.5)
    file = io.StringIO()
    shown = console.Console(file, None)
    shown.emit(job(tmp_path))
    time.sleep(1.8)
    shown.close()
    line = "train note h5 s0: training: 100 of 200, MSE 0.5, 10 s to go\n"
    assert file.getvalue() in (2 * line, 3 * line)


def test_a_divergence_a_failure_and_jobs_that_need_not_run_are_said(tmp_path):
    (tmp_path / "run.json").write_text('{"status": "diverged", "diverged_at": 7}')
    file = io.StringIO()
    shown = console.Console(file, None)
    shown.emit(job(tmp_path))
    shown.emit(job(tmp_path, 2, "reconstruct"))
    shown.emit(record(LogEvent.RUN_INFO, stats={"train": 4, "all": 1, "total": 5}))
    shown.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    shown.emit(record(LogEvent.PROGRESS, done=1, total=5))
    shown.emit(record(LogEvent.PROGRESS, done=2, total=3))
    shown.emit(record(LogEvent.JOB_ERROR, jobid=2, rule_name="reconstruct", log=["a.log"]))
    failed = "RuleException:\nCalledProcessError in file \"a.smk\", line 2:\nCommand 'x' "
    shown.emit(record(LogEvent.ERROR, failed + "returned non-zero exit status 1."))
    shown.emit(record(LogEvent.ERROR, failed + "died with <Signals.SIGKILL: 9>."))
    shown.emit(record(None, "Select jobs to execute..."))
    shown.emit(record(None, "rnnpipe was here"))
    shown.close()
    assert file.getvalue().splitlines() == [
        "4 jobs: 4 train",
        "train note h5 s0: diverged at update 7, 0 s, 1 of 4",
        "The same speech is selected as before: 2 jobs instead of 4.",
        "reconstruct note h5 s0 failed; see a.log",
        *(failed + "died with <Signals.SIGKILL: 9>.").splitlines(),
        "rnnpipe was here",
    ]
