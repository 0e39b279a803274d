"""The workshop: one disc and its years. Numbers are 64-bit throughout; that is switched on here, before any array is
made.
"""

import jax

jax.config.update("jax_enable_x64", True)
