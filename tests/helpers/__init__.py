"""What several test modules make their cases from."""
