# One network per setting: recipe x hidden size x seed.


rule train:
    input:
        windows=ancient(WINDOWS),
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
    # Trainings take longest. The short jobs that follow each of them fill the cores that the last
    # trainings leave free; the other way round, the last training would run alone.
    priority: 1
    threads: lambda wildcards: threads_to_train(wildcards.recipe)
    resources:
        mem_mb=2000,
        runtime=240,
        gpu=lambda wildcards: int(device_to_train(wildcards.recipe) != "cpu"),
    params:
        recipe=lambda wildcards: RECIPES[wildcards.recipe].changes(),
        device=lambda wildcards: device_to_train(wildcards.recipe),
    script:
        "../scripts/train.py"
