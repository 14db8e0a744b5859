# The synthetic corpus; a real corpus is read from its own folder.


rule mini_timit:
    output:
        directory(MINI_TIMIT),
    log:
        "results/logs/mini_timit.log",
    benchmark:
        "results/benchmarks/mini_timit.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    script:
        "../scripts/mini_timit.py"
