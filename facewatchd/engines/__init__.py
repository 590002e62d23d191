"""Detectors and encoders, one file each, found by their names through entry points."""
