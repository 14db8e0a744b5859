"""The compiled loops over time, each with a slow twin in plain torch that tests compare it with."""
