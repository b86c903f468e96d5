"""Where modules keep parameters, buffers and submodules, which are found as attributes."""

from __future__ import annotations

from typing import Any

from tsc.nn.parameters import Buffer, Parameter
from tsc.runtime.tensor import Tensor

TABLES = ("_parameters", "_buffers", "_modules")


class ModuleTables:
    """What modules are as holders of tensors and of other modules."""

    __tsc_module__ = True
    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if kwargs:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if args:
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        for table in (*TABLES, "_forward_pre_hooks", "_forward_hooks"):
            object.__setattr__(self, table, {})
        object.__setattr__(self, "_non_persistent_buffers_set", set[str]())
        self.training = True

    def __setattr__(self, name: str, value: object) -> None:
        tables = self.__dict__
        if "_modules" not in tables:
            if isinstance(value, (Tensor, ModuleTables)):
                kind = "module" if isinstance(value, ModuleTables) else "parameters"
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._remove_from_tables(name)
            self.register_parameter(name, value)
        elif isinstance(value, ModuleTables):
            self._remove_from_tables(name)
            tables["_modules"][name] = value
        elif isinstance(value, Buffer):
            self._remove_from_tables(name)
            self.register_buffer(name, value, value.persistent)
        else:
            self._set_plain(name, value)

    def _remove_from_tables(self, name: str) -> None:
        """Forget an attribute, wherever it is: it gets another meaning. (What stays keeps its place.)"""
        self.__dict__.pop(name, None)
        for table in TABLES:
            if table != "_parameters" or name not in self._parameters:
                self.__dict__[table].pop(name, None)

    def _set_plain(self, name: str, value: object) -> None:
        """Set an attribute to what is neither a parameter nor a module: a buffer stays one.

        Raises:
            TypeError: it is a parameter or a buffer, and the value cannot be.
        """
        tables = self.__dict__
        for table, kind, wanted in (
            ("_parameters", "parameter", "torch.nn.Parameter or None"),
            ("_modules", "child module", "torch.nn.Module or None"),
            ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor or None"),
        ):
            if name not in tables[table]:
                continue
            if value is not None and not (table == "_buffers" and isinstance(value, Tensor)):
                raise TypeError(f"cannot assign '{_type_name(value)}' as {kind} '{name}' ({wanted} expected)")
            tables[table][name] = value
            return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for table in TABLES:
            held = self.__dict__.get(table, {})
            if name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for table in TABLES:
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [name for table in TABLES for name in self.__dict__[table]]
        return sorted({*object.__dir__(self), *names})

    def _check_new_name(self, name: Any, table: str, kind: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_type_name(name)}")
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            told = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{told}')
        if not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter; `state_dict` has it if it is `persistent`."""
        self._check_new_name(name, "_buffers", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (torch Tensor or None "
                "required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter."""
        self._check_new_name(name, "_parameters", "parameter")
        if param is not None and not isinstance(param, Parameter):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or "
                "None required)"
            )
        self._parameters[name] = param

    def add_module(self, name: str, module: ModuleTables | None) -> None:
        """Add a submodule."""
        if module is not None and not isinstance(module, ModuleTables):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_new_name(name, "_modules", "module")
        self._modules[name] = module

    register_module = add_module


def _type_name(value: object) -> str:
    """The name of a value's type, as PyTorch's messages give it."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
