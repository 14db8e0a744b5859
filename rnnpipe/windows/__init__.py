"""From utterances to windows in Parquet, and from windows to the series that networks use."""
