"""How programs are differentiated: what requires gradients, and the steps that they flow back through."""
