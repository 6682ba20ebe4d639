"""The version of this package; not in ``__init__``, which names all the public parts above."""

__version__ = "0.1.0"
