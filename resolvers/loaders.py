"""One batch loader a relation, made anew for each request."""


class Loaders:
    """The loaders of one request."""
