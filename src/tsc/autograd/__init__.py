"""``torch.autograd`` for programs without PyTorch: gradients of what eager calls have recorded, and of what
script functions compute. Inside programs `grad` and `backward` are operators.
"""

from __future__ import annotations

from tsc.autograd import functional
from tsc.runtime.grad_modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from tsc.runtime.python_gradients import backward, grad

__all__ = ["backward", "enable_grad", "functional", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
