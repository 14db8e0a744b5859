"""From utterances to windows in Parquet, and from these to what a network sees."""
