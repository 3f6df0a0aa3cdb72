"""WebGL 2: fragment shaders that compute four columns of a matrix at a time.

Views are read and written texel by texel: four columns from an offset that is a multiple of four. What stands in a row behind its last column
is padding, of any value: a kernel that combines columns (products, reductions, softmax, gathers) never lets it into a result. The padding of
weights is zero.
"""

from webdnn.backend.webgl.target import TARGET

__all__ = ["TARGET"]
