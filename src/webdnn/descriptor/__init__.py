"""The Descriptor: the plan of each backend, the weights, and the directory they are written to."""
