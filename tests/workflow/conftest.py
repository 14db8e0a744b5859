"""A finished run that all tests of the workflow share."""

import pytest
import yaml
from helpers.workflow import (
    TINY,
    snakemake,
)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which `all` has run; its path has a space and an accent."""
    folder = tmp_path_factory.mktemp("résumé of a run")
    said = snakemake(folder, "all", config=TINY)
    (folder / "said.txt").write_text(said, encoding="utf-8")
    return folder


@pytest.fixture
def run(finished):
    """The finished folder; its configuration is restored afterwards."""
    yield finished
    (finished / "config.yaml").write_text(yaml.safe_dump(TINY))
