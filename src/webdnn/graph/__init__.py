"""The graph: the one representation of a model between frontends and backends."""
