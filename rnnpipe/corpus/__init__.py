"""Finding and reading utterances: TIMIT's tree on disk, its phones, and a synthetic corpus."""
