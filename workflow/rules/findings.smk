# The results: all settings in a few tables.


rule tables:
    input:
        runs=per_setting(SUMMARY),
        reconstructions=per_setting(ERRORS),
        dynamics=per_setting(DYNAMICS),
        baselines="results/corpus/baselines.csv",
        phones=per_setting(PHONES),
        held_out=HELD_OUT,
        experiment=ancient(EXPERIMENT),
    output:
        **{
            name: report(
                f"{TABLES}/{name}.csv",
                caption=f"../report/{name}_table.rst",
                category="Tables",
                labels={"table": name, "format": "CSV"},
            )
            for name in ("mse", "settings", "rates", "phones", "by_phone", "by_phone_class")
        },
        text=f"{TABLES}/mse.txt",
        for_papers=[
            f"{TABLES}/{name}.{suffix}"
            for name in ("mse", "by_phone", "by_phone_class")
            for suffix in ("md", "tex")
        ],
    log:
        "results/logs/tables.log",
    benchmark:
        "results/benchmarks/tables.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        # The order of the rows: Snakemake does not notice a change in the order of inputs.
        settings=SETTINGS,
    script:
        "../scripts/tables.py"
