"""Pure: from all encodings to clusters, and from clusters to people.

`recipe.group` is the whole way; `matching` and `cover` need numpy alone, so that the daemon, which
does not cluster itself, starts without scikit-learn.
"""
