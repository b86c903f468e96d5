"""One file per kind of kernel: how its loops are ordered, cut into vectors and tiles, and threaded."""
