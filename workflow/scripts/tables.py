"""Collect all settings in tables, and write these also for papers and terminals."""

from pathlib import Path

from job import job

from rnnpipe.files import read_table, replacing
from rnnpipe.findings.rates import rates
from rnnpipe.findings.tables import gather
from rnnpipe.reconstruction.phone_errors import gather_phone_errors, mean_phone_errors
from rnnpipe.report.export import write_exports
from rnnpipe.results import Run
from rnnpipe.windows.experiment import load_held_out

with job(snakemake):
    held_out = load_held_out(snakemake.input.held_out)
    runs = [Run(Path(path).parent) for path in snakemake.input.runs]
    errors = gather_phone_errors(
        snakemake.params.settings, [run.phone_errors for run in runs], held_out
    )
    mse, settings = gather(
        [run.summary for run in runs],
        [run.errors for run in runs],
        [run.dynamics for run in runs],
        read_table(snakemake.input.baselines),
        errors,
        held_out,
    )
    means = {key: mean_phone_errors(errors, key) for key in ("phone", "phone_class")}
    tables = {"mse": mse, "settings": settings, "rates": rates(mse), "phones": errors}
    tables |= {f"by_{key}": table for key, table in means.items()}
    for name, table in tables.items():
        with replacing(snakemake.output[name]) as temporary:
            table.to_csv(temporary, index=False)
    write_exports(Path(snakemake.output.mse).parent, mse, settings, means)
