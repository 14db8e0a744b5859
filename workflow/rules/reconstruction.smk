# Both reconstructions of every utterance by every network, and the baselines.


rule reconstruct:
    input:
        model=MODEL,
        run=SUMMARY,
        windows=ancient(WINDOWS),
        utterances=ancient(UTTERANCES),
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        audio=directory(RECONSTRUCTIONS),
        table=ERRORS,
        phones=PHONES,
        horizon=HORIZON,
    log:
        "results/logs/reconstruct/{recipe}-h{hidden}-s{seed}.log",
    benchmark:
        "results/benchmarks/reconstruct/{recipe}-h{hidden}-s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        limit=config["reconstruct"]["limit"],
        feedback_noise=config["reconstruct"]["feedback_noise"],
    script:
        "../scripts/reconstruct.py"


rule baselines:
    input:
        windows=ancient(WINDOWS),
        experiment=EXPERIMENT,
        held_out=HELD_OUT,
    output:
        "results/corpus/baselines.csv",
    log:
        "results/logs/baselines.log",
    benchmark:
        "results/benchmarks/baselines.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        limit=config["reconstruct"]["limit"],
    script:
        "../scripts/baselines.py"
