"""`tsc.onnx`: modules as ONNX models, for what reads those (ONNX Runtime, Netron).

tsc.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes={"x": {0: "batch"}})
"""

from tsc.onnx.exporting import export

__all__ = ["export"]
