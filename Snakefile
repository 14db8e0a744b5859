# rnnpipe: what a recurrent network can and cannot learn about raw speech.
#
#   corpus -> windows -> one network per setting -> its dynamics and its two reconstructions
#          -> tables, figures, report
#
# `snakemake --lint` asks for a conda environment or container for each rule. All rules share one
# small environment of Python packages, locked with hashes in requirements*.lock.


from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/reconstruction.smk"
include: "workflow/rules/findings.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/threshold.smk"


report: "workflow/report/workflow.rst"


onsuccess:
    print_table()


# Everything. The other targets stop at a stage: windows, models, reconstructions, report.
rule all:
    default_target: True
    input:
        REPORT,
        per_setting(WAVEFORMS),
        [papers(name) for name in DRAWN],


rule windows:
    input:
        WINDOWS,
        UTTERANCES,


rule models:
    input:
        per_setting(MODEL),


rule reconstructions:
    input:
        per_setting(ERRORS),


localrules:
    all,
    windows,
    models,
    reconstructions,
