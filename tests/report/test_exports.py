"""The tables outside the page, and how numbers are written."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from helpers.invented_results import Results

from rnnpipe.findings import words
from rnnpipe.report import export


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(tmp_path_factory.mktemp("results")).draw()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0029, "0.00290"), (0.9996, "1.00"), (3.74, "3.74"), (123.4, "123"), (4321.0, "4321"),
     (0.0, "0.00"), (np.nan, "–"), (np.inf, "∞"), (2.5e9, "2.50e9"), (3e-7, "3.00e−7"),
     (-0.5, "−0.500")],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value, text):
    assert words.significant(value) == text


def test_points_align_in_a_column():
    column = words.aligned([0.0029, 12.3, 456.0, np.nan])
    assert column == ["0.00290", "12.3" + "\u2007" * 4, "456\u2008" + "\u2007" * 5,
                      "–\u2008" + "\u2007" * 5]  # fmt: skip


@pytest.fixture(scope="module")
def exported(results):
    export.write_exports(results.folder, results.mse, results.settings, results.phone_means())
    return results.folder


def test_the_table_for_a_terminal_holds_every_setting(results, exported):
    lines = (exported / "mse.txt").read_text().splitlines()
    assert len(lines) == 2 + 3 + 8
    assert max(map(len, lines)) <= 100
    assert lines[2].split()[0] == "silence" and lines[2].endswith("baseline")
    assert any(line.endswith("diverged at 212") for line in lines)


def test_markdown_and_latex_have_the_same_rows(results, exported):
    for name, rows in (("mse", 11), ("by_phone_class", 7), ("by_phone", 12)):
        written = (exported / f"{name}.md").read_text().splitlines()
        table = [line for line in written if line.startswith("|")]
        assert len(table) == 2 + rows, name
        assert len({line.count(" | ") for line in table}) == 1
        [latex] = re.findall(
            r"(?s)midrule\n(.*)\\bottomrule", (exported / f"{name}.tex").read_text()
        )
        assert latex.count(r"\\") == rows


def test_hostile_names_stay_text_in_markdown_and_latex():
    name = "a|b <i>*x*</i> $y_1$ \\input{z} & # %\nnext"
    markdown = export.markdown(["n"], [[name]], "c")
    assert markdown.splitlines()[-1] == (
        r"| a\|b \<i\>\*x\*\</i\> \$y\_1\$ \\input\{z\} \& \# % next |"
    )
    latex = export.latex([("", "n"), (name, "m")], [[name, "1"]], "c")
    escaped = r"\$y\_1\$ \textbackslash input\{z\} \& \# \% next"
    assert latex.count(escaped) == 2 and latex.count(r"\$y") == 2


PAPER = r"""\documentclass[10pt,%s]{article}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="has no LaTeX")
@pytest.mark.parametrize(("layout", "held_out"), [("onecolumn", False), ("twocolumn", True)])
def test_the_tables_fit_a_column_of_a_paper(results, tmp_path, layout, held_out):
    def many(table):
        """Five recipes with seven seeds each: 70 settings, more than a page."""
        baselines = table["recipe"].str.startswith("baseline:")
        one = table[(table["recipe"] == "clipped") & (table["seed"] == 0)]
        recipes = ("dumoulin2014", "closed_loop_short", "a_b & c %", "reg$ularized", "echo_state")
        copies = (one.assign(recipe=r, seed=seed) for r in recipes for seed in range(7))
        return pd.concat([table[baselines], *copies], ignore_index=True)

    mse, settings = many(results.mse), many(results.settings)
    phones = {key: many(table) for key, table in results.phone_means().items()}
    if held_out:
        mse.loc[mse["utterance"] == results.utterances[1], "set"] = "held_out"
    export.write_exports(tmp_path, mse, settings, phones)
    tables = sorted(tmp_path.glob("*.tex"))
    assert [table.stem for table in tables] == ["by_phone", "by_phone_class", "mse"]
    inputs = "\n".join(rf"\input{{{table}}}" for table in tables)
    (tmp_path / "paper.tex").write_text(PAPER % (layout, inputs))
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, text=True, errors="replace", capture_output=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "Overfull" not in ran.stdout, ran.stdout
    assert "Float too large" not in ran.stdout, ran.stdout
