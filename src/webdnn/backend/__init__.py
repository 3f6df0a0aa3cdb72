"""Backends: a graph becomes the kernels and the plan of one target. Every target folder has the same file names."""
