"""What the numbers say: tables, verdicts, standings and remarks. Nothing here needs torch."""
