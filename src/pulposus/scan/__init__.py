"""Discs in pictures: volumes, schemes of labels, and what is read off them."""
