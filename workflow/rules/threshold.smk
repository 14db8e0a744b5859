# From which sharpness on the error rises: a study of its own, which only `snakemake threshold` runs.

TRIALS = "results/threshold"


rule trials:
    input:
        windows="results/windows/{shard}.parquet",
        utterances=UTTERANCES,
    output:
        f"{TRIALS}/trials/{{shard}}.parquet",
    log:
        "results/logs/trials/{shard}.log",
    benchmark:
        "results/benchmarks/trials/{shard}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    script:
        "../scripts/trials.py"


rule threshold:
    input:
        expand(rules.trials.output, shard=SHARDS),
    output:
        threshold=f"{TRIALS}/threshold.csv",
        scores=f"{TRIALS}/scores.csv",
        mechanism=f"{TRIALS}/mechanism.csv",
        surgery=f"{TRIALS}/surgery.csv",
        two_by_two=f"{TRIALS}/two_by_two.csv",
        figure=multiext(f"{TRIALS}/threshold", ".svg", ".png"),
    log:
        "results/logs/threshold.log",
    benchmark:
        "results/benchmarks/threshold.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/threshold.py"
