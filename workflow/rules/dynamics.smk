# What decides whether each training is stable: curvature, step size, and gradients through time.


rule dynamics:
    input:
        model=MODEL,
        snapshots=SNAPSHOTS,
        history=HISTORY,
        windows=ancient(WINDOWS),
        experiment=EXPERIMENT,
    output:
        DYNAMICS,
    log:
        "results/logs/dynamics/{recipe}-h{hidden}-s{seed}.log",
    benchmark:
        "results/benchmarks/dynamics/{recipe}-h{hidden}-s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        recipe=lambda wildcards: RECIPES[wildcards.recipe].changes(),
        samples=config["dynamics"]["samples"],
    script:
        "../scripts/dynamics.py"
