"""Frontends: models of other frameworks become graphs."""
