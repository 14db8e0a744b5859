# One network per setting: recipe x hidden size x seed.


rule train:
    input:
        windows=WINDOWS,
        experiment=EXPERIMENT,
    output:
        model=MODEL,
        snapshots=SNAPSHOTS,
        history=HISTORY,
        run=SUMMARY,
    log:
        "results/logs/train/{recipe}-h{hidden}-s{seed}.log",
    benchmark:
        "results/benchmarks/train/{recipe}-h{hidden}-s{seed}.tsv"
    threads: lambda wildcards: threads_to_train(wildcards.recipe)
    resources:
        mem_mb=2000,
        runtime=240,
        gpu=lambda wildcards: 0 if is_closed_loop(wildcards.recipe) else GPUS_TO_TRAIN,
    params:
        recipe=lambda wildcards: config["recipes"][wildcards.recipe],
        device=config["train"]["device"],
    script:
        "../scripts/train.py"
