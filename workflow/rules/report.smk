# Figures, and the report page.


rule plot_curves:
    input:
        mse=f"{TABLES}/mse.csv",
        settings=f"{TABLES}/settings.csv",
        histories=per_setting(HISTORY),
        selected=SELECTED,
    output:
        sizes=figure("mse_over_hidden_size"),
        training=figure("training_curves"),
        papers_sizes=directory(papers("mse_over_hidden_size")),
        papers_training=directory(papers("training_curves")),
    log:
        "results/logs/plot_curves.log",
    benchmark:
        "results/benchmarks/plot_curves.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=SETTINGS,
        widths=PAPER_WIDTHS,
    script:
        "../scripts/plot_curves.py"


rule plot_stability:
    input:
        runs=per_setting(SUMMARY),
        histories=per_setting(HISTORY),
        dynamics=per_setting(DYNAMICS),
        selected=SELECTED,
    output:
        figure("stability"),
        papers=directory(papers("stability")),
    log:
        "results/logs/plot_stability.log",
    benchmark:
        "results/benchmarks/plot_stability.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=SETTINGS,
        widths=PAPER_WIDTHS,
    script:
        "../scripts/plot_stability.py"


rule plot_free_runs:
    input:
        mse=f"{TABLES}/mse.csv",
        audio=per_setting(RECONSTRUCTIONS),
        horizons=per_setting(HORIZON),
        utterances=ancient(UTTERANCES),
        experiment=EXPERIMENT,
        held_out=ancient(HELD_OUT),
    output:
        figure("free_runs"),
        papers=directory(papers("free_runs")),
    log:
        "results/logs/plot_free_runs.log",
    benchmark:
        "results/benchmarks/plot_free_runs.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=SETTINGS,
        widths=PAPER_WIDTHS,
    script:
        "../scripts/plot_free_runs.py"


# For print and for papers: the page draws its own waveforms, which can be zoomed.
rule plot_waveforms:
    input:
        audio=RECONSTRUCTIONS,
        utterances=ancient(UTTERANCES),
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        report(
            directory(WAVEFORMS),
            patterns=["{utterance,[^/]+}.svg"],
            caption="../report/waveforms.rst",
            category="Waveforms",
            labels={
                "recipe": "{recipe}",
                "hidden size": "{hidden}",
                "seed": "{seed}",
                "utterance": "{utterance}",
            },
        ),
    log:
        "results/logs/plot_waveforms/{recipe}-h{hidden}-s{seed}.log",
    benchmark:
        "results/benchmarks/plot_waveforms/{recipe}-h{hidden}-s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        zoom_ms=config["report"]["zoom_ms"],
        widths=PAPER_WIDTHS,
        max_utterances=config["report"]["max_utterances"],
    script:
        "../scripts/plot_waveforms.py"


rule report:
    input:
        **{
            name: f"{TABLES}/{name}.csv"
            for name in ("mse", "settings", "rates", "by_phone", "by_phone_class")
        },
        audio=per_setting(RECONSTRUCTIONS),
        sizes=f"{FIGURES}/mse_over_hidden_size.svg",
        training=f"{FIGURES}/training_curves.svg",
        stability=f"{FIGURES}/stability.svg",
        free_runs=f"{FIGURES}/free_runs.svg",
        runs=per_setting(SUMMARY),
        histories=per_setting(HISTORY),
        dynamics=per_setting(DYNAMICS),
        utterances=UTTERANCES,
        rejected=REJECTED,
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        report(
            REPORT,
            caption="../report/report.rst",
            category="Report",
            labels={"page": "everything"},
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=SETTINGS,
        config=USED_CONFIG,
        graph=rule_graph,
        # The cost of jobs is measured again in each run, so these files are not inputs.
        benchmarks="results/benchmarks",
    script:
        "../scripts/report.py"
