"""Reconstructing utterances, and measuring how close they are to the originals."""
