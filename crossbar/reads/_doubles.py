"""Vectors of four float64 for compiled loops, in the numba type of `_vectors`.

Each is one operation of LLVM on four numbers, rounded as the operation of a single number is.
"""

# mypy: ignore-errors

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from crossbar.reads._vectors import _BYTE, _BYTES, _INT, _WORD, _address, _elementwise, vector

_DOUBLES = ir.VectorType(ir.DoubleType(), 4)
_FOUR_INTS = ir.VectorType(_INT, 4)
_FOUR_FLOATS = ir.VectorType(ir.FloatType(), 4)
_FOUR_BYTES = ir.VectorType(_BYTE, 4)

add_doubles = _elementwise(_DOUBLES, "fadd")
multiply_doubles = _elementwise(_DOUBLES, "fmul")


def _splat(builder, vector_type, value):
    """Return a vector of one value."""
    one = builder.insert_element(
        ir.Constant(vector_type, ir.Undefined), value, ir.Constant(_INT, 0)
    )
    lanes = ir.Constant(ir.VectorType(_INT, vector_type.count), [0] * vector_type.count)
    return builder.shuffle_vector(one, ir.Constant(vector_type, ir.Undefined), lanes)


@intrinsic
def splat_double(context, number):
    """Return a vector of four times a float64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(_splat(builder, _DOUBLES, arguments[0]), _BYTES)

    return vector(types.float64), codegen


@intrinsic
def splat_int(context, number):
    """Return a vector of eight times an int32."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(_splat(builder, ir.VectorType(_INT, 8), arguments[0]), _BYTES)

    return vector(types.int32), codegen


def _of_each(name):
    """Return the operation that applies a function of LLVM to each of four float64."""

    @intrinsic
    def apply(context, doubles):
        def codegen(context, builder, signature, arguments):
            of_doubles = ir.FunctionType(_DOUBLES, [_DOUBLES])
            function = get_or_insert_function(builder.module, of_doubles, f"llvm.{name}.v4f64")
            numbers = builder.bitcast(arguments[0], _DOUBLES)
            return builder.bitcast(builder.call(function, [numbers]), _BYTES)

        return vector(vector), codegen

    return apply


root_doubles = _of_each("sqrt")
absolute_doubles = _of_each("fabs")


@intrinsic
def not_above(context, a, b):
    """Return all bits of those of four float64 for which a > b does not hold, as of NaN."""

    def codegen(context, builder, signature, arguments):
        a, b = (builder.bitcast(value, _DOUBLES) for value in arguments)
        below = builder.fcmp_unordered("<=", a, b)
        return builder.bitcast(builder.sext(below, ir.VectorType(_WORD, 4)), _BYTES)

    return vector(vector, vector), codegen


@intrinsic
def doubles_of_ints(context, array, index, shift, less):
    """Return (array[index + i] << shift) − less of four int32, as float64."""

    def codegen(context, builder, signature, arguments):
        at = _address(context, builder, signature.args[0], *arguments[:2], _FOUR_INTS)
        shift, less = (_splat(builder, _FOUR_INTS, value) for value in arguments[2:])
        ints = builder.sub(builder.shl(builder.load(at, align=4), shift), less)
        return builder.bitcast(builder.sitofp(ints, _DOUBLES), _BYTES)

    return vector(array, types.intp, types.int32, types.int32), codegen


@intrinsic
def doubles_of_floats(context, array, index):
    """Return four float32 from array[index] on, as float64."""

    def codegen(context, builder, signature, arguments):
        at = _address(context, builder, signature.args[0], *arguments, _FOUR_FLOATS)
        return builder.bitcast(builder.fpext(builder.load(at, align=4), _DOUBLES), _BYTES)

    return vector(array, types.intp), codegen


@intrinsic
def store_signs(context, array, index, doubles, kept, bit):
    """Write array[index + i] & kept, and `bit` where number i of four is 0 or more."""

    def codegen(context, builder, signature, arguments):
        to = _address(context, builder, signature.args[0], *arguments[:2], _FOUR_BYTES)
        kept, bit = (_splat(builder, _FOUR_BYTES, value) for value in arguments[3:])
        numbers = builder.bitcast(arguments[2], _DOUBLES)
        fires = builder.fcmp_ordered(">=", numbers, ir.Constant(_DOUBLES, [0.0] * 4))
        set_bits = builder.and_(builder.sext(fires, _FOUR_BYTES), bit)
        old = builder.and_(builder.load(to, align=1), kept)
        builder.store(builder.or_(old, set_bits), to, align=1)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector, types.uint8, types.uint8), codegen


@intrinsic
def copy_ints(context, array, index, source, rows):
    """Write array[index + i] = source[rows[i]] of eight int32.

    array and source are addresses, and rows that of int64.
    """

    def codegen(context, builder, signature, arguments):
        to = _address(context, builder, signature.args[0], *arguments[:2], _INT)
        source, rows = (
            builder.inttoptr(value, kind.as_pointer())
            for value, kind in zip(arguments[2:], (_INT, _WORD), strict=True)
        )
        for i in range(8):
            n = ir.Constant(_INT, i)
            row = builder.load(builder.gep(rows, [n]))
            builder.store(builder.load(builder.gep(source, [row])), builder.gep(to, [n]))
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, types.intp), codegen


def _copy(element):
    """Return the operation copy(to, source): one element from an address to another one."""

    @intrinsic
    def copy(context, to, source):
        def codegen(context, builder, signature, arguments):
            to, source = (builder.inttoptr(a, element.as_pointer()) for a in arguments)
            builder.store(builder.load(source, align=1), to, align=1)
            return context.get_dummy_value()

        return types.none(types.intp, types.intp), codegen

    return copy


copy_byte = _copy(_BYTE)
copy_word = _copy(_WORD)


def _number_at(number_type, element):
    """Return the operation that reads a number at an address."""

    @intrinsic
    def number_at(context, at):
        def codegen(context, builder, signature, arguments):
            return builder.load(builder.inttoptr(arguments[0], element.as_pointer()), align=4)

        return number_type(types.intp), codegen

    return number_at


int_at = _number_at(types.int32, _INT)
double_at = _number_at(types.float64, ir.DoubleType())
