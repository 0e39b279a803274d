"""A disc from somebody else's mesh: its surface read, closed, set upright, and fitted by our own form of a disc.

`reading` takes a file apart, `triangles` knows closed surfaces, `frame` finds unit and axes, `fit` finds the form and
says how well it fits, `form` keeps its numbers in a case file.
"""
