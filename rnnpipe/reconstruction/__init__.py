"""Reconstructing utterances, and measuring how close the reconstructions come."""
