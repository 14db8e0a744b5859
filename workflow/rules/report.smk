# Tables, figures, and the one page that holds them all.


rule tables:
    input:
        runs=per_setting(f"{RUN}/run.json"),
        reconstructions=per_setting(f"{RUN}/reconstructions.csv"),
        dynamics=per_setting(f"{RUN}/dynamics.parquet"),
        baselines="results/corpus/baselines.csv",
        audio=per_setting(f"{RUN}/reconstructions"),
        utterances=UTTERANCES,
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        mse=report("results/tables/mse.csv", caption="../report/mse_table.rst", category="Tables"),
        settings=report(
            "results/tables/settings.csv",
            caption="../report/settings_table.rst",
            category="Tables",
        ),
        phones=report(
            "results/tables/phones.csv", caption="../report/phones_table.rst", category="Tables"
        ),
    log:
        "results/logs/tables.log",
    benchmark:
        "results/benchmarks/tables.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        # The order of the rows: Snakemake takes inputs in another order for the same inputs.
        settings=SETTINGS,
    script:
        "../scripts/tables.py"


rule plot_curves:
    input:
        mse="results/tables/mse.csv",
        settings="results/tables/settings.csv",
        histories=per_setting(f"{RUN}/history.parquet"),
    output:
        sizes=report(
            "results/figures/mse_over_hidden_size.svg",
            caption="../report/mse_over_hidden_size.rst",
            category="Figures",
        ),
        training=report(
            "results/figures/training_curves.svg",
            caption="../report/training_curves.rst",
            category="Figures",
        ),
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
    script:
        "../scripts/plot_curves.py"


rule plot_stability:
    input:
        runs=per_setting(f"{RUN}/run.json"),
        histories=per_setting(f"{RUN}/history.parquet"),
        dynamics=per_setting(f"{RUN}/dynamics.parquet"),
    output:
        report(
            "results/figures/stability.svg",
            caption="../report/stability.rst",
            category="Figures",
        ),
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
    script:
        "../scripts/plot_stability.py"


rule plot_waveforms:
    input:
        audio=f"{RUN}/reconstructions",
        utterances=UTTERANCES,
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        report(
            directory(WAVEFORMS),
            patterns=["{utterance}.png"],
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
        utterances=config["report"]["utterances"],
    script:
        "../scripts/plot_waveforms.py"


rule report:
    input:
        mse="results/tables/mse.csv",
        settings="results/tables/settings.csv",
        audio=per_setting(f"{RUN}/reconstructions"),
        sizes="results/figures/mse_over_hidden_size.svg",
        training="results/figures/training_curves.svg",
        stability="results/figures/stability.svg",
        runs=per_setting(f"{RUN}/run.json"),
        histories=per_setting(f"{RUN}/history.parquet"),
        dynamics=per_setting(f"{RUN}/dynamics.parquet"),
        waveforms=per_setting(WAVEFORMS),
        utterances=UTTERANCES,
        rejected=REJECTED,
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        report(REPORT, caption="../report/report.rst", category="Report"),
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
    script:
        "../scripts/report.py"
