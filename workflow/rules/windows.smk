# From a corpus to windows in Parquet, and to the training and held-out items of the experiment.


rule extract:
    input:
        [MINI_TIMIT] if CORPUS == MINI_TIMIT else [],
    output:
        utterances="results/corpus/shards/{shard}.parquet",
        rejected="results/corpus/shards/{shard}.csv",
        windows="results/windows/{shard}.parquet",
    log:
        "results/logs/extract/{shard}.log",
    benchmark:
        "results/benchmarks/extract/{shard}.tsv"
    threads: 1
    resources:
        mem_mb=400,
        runtime=30,
    params:
        root=CORPUS,
        leads_to=LEADS_TO,
        # The files of a corpus are no inputs: there are tens of thousands, and Snakemake refuses
        # outputs that are older than an input, which may be dated in the future.
        files=lambda wildcards: fingerprint(SHARDS[wildcards.shard]),
        corpus={key: config["corpus"][key] for key in ("layout", "nltk_split", "on_bad_utterance")},
        order=config["windows"]["order"],
        length=config["windows"]["length"],
        inventory=config["windows"]["inventory"],
    script:
        "../scripts/extract.py"


rule utterances:
    input:
        tables=[f"results/corpus/shards/{shard}.parquet" for shard in SHARDS],
        rejected=[f"results/corpus/shards/{shard}.csv" for shard in SHARDS],
    output:
        utterances=UTTERANCES,
        rejected=REJECTED,
    log:
        "results/logs/utterances.log",
    benchmark:
        "results/benchmarks/utterances.tsv"
    threads: 1
    resources:
        mem_mb=400,
        runtime=10,
    params:
        root=CORPUS,
        windows="results/windows",
    script:
        "../scripts/utterances.py"


# The files of these two selections hold a digest of the speech that they select. All later steps
# depend on these files, and Snakemake decides again what to run when they are there: if the same
# speech has come out, whatever has changed in the configuration or the corpus, nothing runs again.
checkpoint experiment:
    input:
        utterances=UTTERANCES,
        rejected=REJECTED,
        windows=WINDOWS,
    output:
        EXPERIMENT,
    log:
        "results/logs/experiment.log",
    benchmark:
        "results/benchmarks/experiment.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        utterances=config["experiment"]["utterances"],
    script:
        "../scripts/experiment.py"


checkpoint held_out:
    input:
        utterances=UTTERANCES,
        rejected=REJECTED,
        windows=WINDOWS,
        experiment=EXPERIMENT,
    output:
        HELD_OUT,
    log:
        "results/logs/held_out.log",
    benchmark:
        "results/benchmarks/held_out.tsv"
    # No training needs it, but errors in it should be reported before trainings start.
    priority: 2
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        utterances=config["experiment"]["held_out"],
    script:
        "../scripts/held_out.py"
