"""A hint for compiled loops that meet memory here and there."""

# mypy: ignore-errors

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_INT = ir.IntType(32)
#: Arguments of LLVM's prefetch: it is for writing, into the nearest cache, and of data.
_HINTS = [ir.Constant(_INT, n) for n in (1, 3, 1)]


@intrinsic
def prefetch(context, array, index):
    """Let the processor fetch element `index` of an array, counted flat, while the loop goes on."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        law = ir.FunctionType(ir.VoidType(), [place.type, _INT, _INT, _INT])
        hint = builder.module.declare_intrinsic("llvm.prefetch", (place.type,), law)
        builder.call(hint, [place, *_HINTS])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen
