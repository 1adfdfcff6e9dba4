"""Vectors of 32 bytes for compiled loops: a numba type, and the operations that packed reads need.

Every operation is vector arithmetic of LLVM, except `lookup` and `pair_sum`, for which AVX2 has an
instruction each. For other processors they are compiled as plain loops, with the same results.
Memory is addressed by elements of a flat array, without bounds checks; or by bytes from an address,
for loops that call functions in every turn: numba counts references to the arrays that it passes.
"""

# mypy: ignore-errors

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from crossbar.reads.processor import HAS_AVX2

_BYTE, _SHORT, _INT, _WORD = (ir.IntType(n) for n in (8, 16, 32, 64))
_BYTES = ir.VectorType(_BYTE, 32)
_SHORTS = ir.VectorType(_SHORT, 16)
_WORDS = ir.VectorType(_WORD, 4)
_INTS = ir.VectorType(_INT, 32)
_FLOATS = ir.VectorType(ir.FloatType(), 8)
_EIGHT_INTS = ir.VectorType(_INT, 8)


class Vector(types.Type):
    """256 bits, which an operation treats as 32 bytes, 16 shorts, 4 words or 8 float32.

    Elements are counted from the lowest address.
    """

    def __init__(self):
        super().__init__(name="crossbar.Vector")


vector = Vector()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _BYTES)


def _elementwise(vector_type, operation):
    """Return the intrinsic of a binary operation of LLVM on vectors of that type."""

    @intrinsic
    def apply(context, a, b):
        def codegen(context, builder, signature, arguments):
            x, y = (builder.bitcast(value, vector_type) for value in arguments)
            return builder.bitcast(getattr(builder, operation)(x, y), _BYTES)

        return vector(vector, vector), codegen

    return apply


def _shift(vector_type, operation, n):
    """Return the intrinsic that shifts every element by n bits."""

    @intrinsic
    def apply(context, a):
        def codegen(context, builder, signature, arguments):
            count = ir.Constant(vector_type, [n] * vector_type.count)
            return builder.bitcast(
                getattr(builder, operation)(builder.bitcast(arguments[0], vector_type), count),
                _BYTES,
            )

        return vector(vector), codegen

    return apply


add_words = _elementwise(_WORDS, "add")
add_ints = _elementwise(_EIGHT_INTS, "add")
multiply_ints = _elementwise(_EIGHT_INTS, "mul")
add_shorts = _elementwise(_SHORTS, "add")
add_bytes = _elementwise(_BYTES, "add")
subtract_bytes = _elementwise(_BYTES, "sub")
add_floats = _elementwise(_FLOATS, "fadd")
multiply_floats = _elementwise(_FLOATS, "fmul")
bit_and = _elementwise(_WORDS, "and_")
bit_or = _elementwise(_WORDS, "or_")
bit_xor = _elementwise(_WORDS, "xor")
# The shifts of SFC64, and the one that brings the upper four bits of a byte down.
right_11 = _shift(_WORDS, "lshr", 11)
right_40 = _shift(_WORDS, "lshr", 40)
left_3 = _shift(_WORDS, "shl", 3)
left_24 = _shift(_WORDS, "shl", 24)
right_4_of_shorts = _shift(_SHORTS, "lshr", 4)


@intrinsic
def splat(context, word):
    """Return a vector of four times the uint64 `word`."""

    def codegen(context, builder, signature, arguments):
        out = ir.Constant(_WORDS, ir.Undefined)
        for i in range(4):
            out = builder.insert_element(out, arguments[0], ir.Constant(_INT, i))
        return builder.bitcast(out, _BYTES)

    return vector(types.uint64), codegen


@intrinsic
def splat_byte(context, array, index):
    """Return the byte array[index] 32 times."""

    def codegen(context, builder, signature, arguments):
        to = _address(context, builder, signature.args[0], *arguments, _BYTE)
        byte = builder.load(to, align=1)
        one = builder.insert_element(ir.Constant(_BYTES, ir.Undefined), byte, ir.Constant(_INT, 0))
        return builder.shuffle_vector(one, one, ir.Constant(_INTS, [0] * 32))

    return vector(array, types.intp), codegen


@intrinsic
def has_bits(context, a):
    """Return whether some bit is 1."""

    def codegen(context, builder, signature, arguments):
        words = builder.bitcast(arguments[0], _WORDS)
        some = [builder.extract_element(words, ir.Constant(_INT, i)) for i in range(4)]
        found = builder.or_(builder.or_(some[0], some[1]), builder.or_(some[2], some[3]))
        return builder.icmp_unsigned("!=", found, ir.Constant(_WORD, 0))

    return types.boolean(vector), codegen


@intrinsic
def spread_bits(context, byte):
    """Return a vector of eight float32: all bits of number i are bit i of the byte."""

    def codegen(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.VectorType(ir.IntType(1), 8))
        return builder.bitcast(builder.sext(bits, ir.VectorType(_INT, 8)), _BYTES)

    return vector(types.uint8), codegen


def _address(context, builder, array_type, array, index, element):
    """Return the address of array[index] as a pointer to `element`.

    An integer in the place of the array is an address, from which `index` counts bytes.
    """
    if isinstance(array_type, types.Integer):
        data = builder.inttoptr(array, _BYTE.as_pointer())
        return builder.bitcast(builder.gep(data, [index]), element.as_pointer())
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), element.as_pointer())


@intrinsic
def load(context, array, index):
    """Return the 32 bytes from array[index] on."""

    def codegen(context, builder, signature, arguments):
        return builder.load(
            _address(context, builder, signature.args[0], *arguments, _BYTES), align=1
        )

    return vector(array, types.intp), codegen


@intrinsic
def store(context, array, index, value):
    """Write 32 bytes from array[index] on."""

    def codegen(context, builder, signature, arguments):
        to = _address(context, builder, signature.args[0], *arguments[:2], _BYTES)
        builder.store(arguments[2], to, align=1)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), codegen


@intrinsic
def load_table(context, array, index):
    """Return the 16 bytes from array[index] on, twice."""

    def codegen(context, builder, signature, arguments):
        half = ir.VectorType(_BYTE, 16)
        table = builder.load(
            _address(context, builder, signature.args[0], *arguments, half), align=1
        )
        return builder.shuffle_vector(table, table, ir.Constant(_INTS, list(range(16)) * 2))

    return vector(array, types.intp), codegen


def lookup_by(avx2):
    """Return the operation lookup(table, index): byte i of the result is table[index[i]], every
    index below 16.
    """

    @intrinsic
    def lookup(context, table, index):
        def codegen(context, builder, signature, arguments):
            if avx2:
                signature_of_llvm = ir.FunctionType(_BYTES, [_BYTES, _BYTES])
                return builder.call(
                    builder.module.declare_intrinsic(
                        "llvm.x86.avx2.pshuf.b", (), signature_of_llvm
                    ),
                    arguments,
                )
            out = ir.Constant(_BYTES, ir.Undefined)
            table, index = arguments
            for i in range(32):
                at = builder.zext(builder.extract_element(index, ir.Constant(_INT, i)), _INT)
                out = builder.insert_element(
                    out, builder.extract_element(table, at), ir.Constant(_INT, i)
                )
            return out

        return vector(vector, vector), codegen

    return lookup


def pair_sum_by(avx2):
    """Return the operation pair_sum(a): 16 shorts, each the sum of two neighboring signed
    bytes.
    """

    @intrinsic
    def pair_sum(context, a):
        def codegen(context, builder, signature, arguments):
            if avx2:
                signature_of_llvm = ir.FunctionType(_SHORTS, [_BYTES, _BYTES])
                multiply_add = builder.module.declare_intrinsic(
                    "llvm.x86.avx2.pmadd.ub.sw", (), signature_of_llvm
                )
                return builder.bitcast(
                    builder.call(multiply_add, [ir.Constant(_BYTES, [1] * 32), arguments[0]]),
                    _BYTES,
                )
            both = builder.bitcast(arguments[0], _SHORTS)
            eight = ir.Constant(_SHORTS, [8] * 16)
            low = builder.ashr(builder.shl(both, eight), eight)
            return builder.bitcast(builder.add(low, builder.ashr(both, eight)), _BYTES)

        return vector(vector), codegen

    return pair_sum


def _interleave(high):
    """Return the operation that takes bytes of a and b in turn, from the low or high half of
    each 16 bytes.

    Within 128-bit lanes this is one instruction of AVX2.
    """
    order = [
        i + 32 * other
        for lane in (0, 16)
        for i in range(lane + 8 * high, lane + 8 * high + 8)
        for other in (0, 1)
    ]

    @intrinsic
    def apply(context, a, b):
        def codegen(context, builder, signature, arguments):
            return builder.shuffle_vector(*arguments, ir.Constant(_INTS, order))

        return vector(vector, vector), codegen

    return apply


lookup = lookup_by(HAS_AVX2)
pair_sum = pair_sum_by(HAS_AVX2)
interleave_low = _interleave(0)
interleave_high = _interleave(1)


def _which_are(number):
    """Return the operation which(array, index): bit i of the byte says whether array[index + i]
    == number.
    """

    @intrinsic
    def which(context, array, index):
        def codegen(context, builder, signature, arguments):
            real = isinstance(signature.args[0].dtype, types.Float)
            element = context.get_value_type(signature.args[0].dtype)
            values = builder.load(
                _address(
                    context, builder, signature.args[0], *arguments, ir.VectorType(element, 8)
                ),
                align=1,
            )
            wanted = ir.Constant(values.type, [float(number) if real else number] * 8)
            compare = builder.fcmp_ordered if real else builder.icmp_signed
            return builder.bitcast(compare("==", values, wanted), _BYTE)

        return types.uint8(array, types.intp), codegen

    return which


ones = _which_are(1)
minus_ones = _which_are(-1)
zeros = _which_are(0)


@intrinsic
def add_to_ints(context, array, index, low, high):
    """Add two vectors of shorts to 32 int32 from array[index] on, in the order of the reads.

    The shorts are pair sums of `interleave_low` (low) and `interleave_high` (high).
    """
    order = [i + 16 * half for lane in (0, 8) for half in (0, 1) for i in range(lane, lane + 8)]

    def codegen(context, builder, signature, arguments):
        to = _address(context, builder, signature.args[0], *arguments[:2], _INTS)
        shorts = [builder.bitcast(value, _SHORTS) for value in arguments[2:]]
        ints = builder.sext(builder.shuffle_vector(*shorts, ir.Constant(_INTS, order)), _INTS)
        builder.store(builder.add(builder.load(to, align=4), ints), to, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector, vector), codegen


@intrinsic
def which_have(context, array, index, bit):
    """Return which of the 64 bytes from array[index] on have the bit `bit`, the first lowest."""

    def codegen(context, builder, signature, arguments):
        array, index, bit = arguments
        many = ir.VectorType(_BYTE, 64)
        of = builder.load(
            _address(context, builder, signature.args[0], array, index, many), align=1
        )
        one = builder.insert_element(ir.Constant(many, ir.Undefined), bit, ir.Constant(_INT, 0))
        places = ir.Constant(ir.VectorType(_INT, 64), [0] * 64)
        found = builder.and_(of, builder.shuffle_vector(one, one, places))
        found = builder.icmp_unsigned("!=", found, ir.Constant(many, [0] * 64))
        return builder.bitcast(found, _WORD)

    return types.uint64(array, types.intp, types.uint8), codegen


@intrinsic
def add_where(context, total, at, word, number):
    """Add `number` to those of the 64 int32 from total[at] on whose bit in `word` is 1."""

    def codegen(context, builder, signature, arguments):
        total, at, word, number = arguments
        many = ir.VectorType(_INT, 64)
        zeros = ir.Constant(many, [0] * 64)
        one = builder.insert_element(ir.Constant(many, ir.Undefined), number, ir.Constant(_INT, 0))
        bits = builder.bitcast(word, ir.VectorType(ir.IntType(1), 64))
        value = builder.select(bits, builder.shuffle_vector(one, one, zeros), zeros)
        to = _address(context, builder, signature.args[0], total, at, many)
        builder.store(builder.add(builder.load(to, align=4), value), to, align=4)
        return context.get_dummy_value()

    return types.none(total, types.intp, types.uint64, types.int32), codegen


def _stage(builder, rows, order, apart):
    """Return a stage of a transposition: rows that are `apart`, their elements in two orders."""
    out = list(rows)
    for i in range(len(rows)):
        if not i & apart:
            pair = rows[i], rows[i + apart]
            for k in (0, 1):
                lanes = ir.Constant(_EIGHT_INTS, [n + k * order[1] for n in order[0]])
                out[i + k * apart] = builder.shuffle_vector(*pair, lanes)
    return out


@intrinsic
def transpose_floats(context, to, to_step, source, step):
    """Write to[i, k] = source[k, i] of 8 × 8 float32, from addresses and steps of rows in bytes."""

    def codegen(context, builder, signature, arguments):
        to, to_step, source, step = arguments
        rows = []
        for k in range(8):
            at = builder.add(source, builder.mul(step, ir.Constant(_WORD, k)))
            at = builder.inttoptr(at, _FLOATS.as_pointer())
            rows.append(builder.load(at, align=4))
        # Rows exchange blocks of 4 × 4, of 2 × 2 and of 1 × 1.
        rows = _stage(builder, rows, ([0, 1, 2, 3, 8, 9, 10, 11], 4), 4)
        rows = _stage(builder, rows, ([0, 1, 8, 9, 4, 5, 12, 13], 2), 2)
        rows = _stage(builder, rows, ([0, 8, 2, 10, 4, 12, 6, 14], 1), 1)
        for i, row in enumerate(rows):
            at = builder.add(to, builder.mul(to_step, ir.Constant(_WORD, i)))
            builder.store(row, builder.inttoptr(at, _FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp, types.intp), codegen
