"""Derivatives: how gradients of what an operator gives become gradients of what it was given.

A *rule* says it for one operator, in operators (`rules`); what has a scalar formula needs none (`slopes`),
nor what only moves elements, nor a composite, which is differentiated in its parts (`reverse`). Everything is
written in terms of `Aten`, so the same rules run on arrays and build IR.
"""
