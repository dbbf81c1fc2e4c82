"""Memory layout is no concern of the caller.

However an array lies in memory, transposed, cut out, backwards, read-only, every function gives the same results,
changes no argument, and returns memory of its own.  Every array argument of every function is tried in every layout.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import reference
from reference import nn, optim
from tests.reference.comparing import Array, both_dtypes, random_integers
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import pair_named

# What is computed element by element, and what its gradient is computed from.
ELEMENTWISE = {"leaky_relu": "input", "sigmoid": "output", "tanh": "output", "silu": "input", "gelu": "input"}


@dataclass(frozen=True)
class Call:
    """One call: ``function(**arrays, **arguments)``.

    Results have the same bits in every layout, unless ``bounds`` says how far rounding may take them apart.
    """

    name: str
    function: Callable[..., Any]
    arrays: dict[str, Array]
    arguments: dict[str, Any] = field(default_factory=dict)
    bounds: tuple[Array, ...] | None = None

    def __call__(self, **replaced: Array) -> list[Array]:
        """The results, those that are not None, with some arrays replaced."""
        returned = self.function(**{**self.arrays, **replaced}, **self.arguments)
        results = returned if isinstance(returned, tuple) else (returned,)
        return [result for result in results if result is not None]


def calls(dtype: Any) -> Iterator[Call]:
    """Every function, forward and backward; the small integers make every sum exact."""

    def numbers(*shape: int, seed: int = 0) -> Array:
        return random_integers(shape, dtype, seed)

    for batch in ((3,), ()):
        x, kernel, bias = numbers(*batch, 4, 6, 5), numbers(6, 2, 3, 2), numbers(6)
        options: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "groups": 2}
        y = reference.conv2d(x, kernel, bias, **options)
        g = numbers(*y.shape)
        yield Call("conv2d", reference.conv2d, {"input": x, "weight": kernel, "bias": bias}, options)
        yield Call("conv2d without padding", reference.conv2d, {"input": x, "weight": numbers(3, 4, 1, 1)})
        arrays = {"grad_output": g, "input": x, "weight": kernel}
        yield Call("conv2d_backward", reference.conv2d_backward, arrays, options)
        for i in range(3):
            mask = tuple(j == i for j in range(3))
            yield Call("conv2d_backward, masked", reference.conv2d_backward, arrays, {**options, "output_mask": mask})
        g = numbers(*batch, 3, 6, 5)
        arrays = {"grad_output": g, "input": x, "weight": numbers(3, 4, 1, 1)}
        yield Call("conv2d_backward without padding", reference.conv2d_backward, arrays)

        kernel, single = numbers(4, 3, 3, 2), numbers(4, 3, 1, 1)
        options = {"stride": (3, 2), "padding": (1, 0), "output_padding": (2, 1), "groups": 2}
        y = reference.conv_transpose2d(x, kernel, bias, **options)
        arrays = {"input": x, "weight": kernel, "bias": bias}
        yield Call("conv_transpose2d", reference.conv_transpose2d, arrays, options)
        arrays = {"input": x, "weight": kernel, "bias": numbers(3)}
        yield Call("conv_transpose2d at stride 1", reference.conv_transpose2d, arrays)
        yield Call("conv_transpose2d of pixels", reference.conv_transpose2d, {"input": x, "weight": single})
        arrays = {"grad_output": numbers(*y.shape), "input": x, "weight": kernel}
        yield Call("conv_transpose2d_backward", reference.conv_transpose2d_backward, arrays, options)
        for i in range(3):
            masked = {**options, "output_mask": tuple(j == i for j in range(3))}
            yield Call("conv_transpose2d_backward, masked", reference.conv_transpose2d_backward, arrays, masked)
        arrays = {"grad_output": numbers(*batch, 3, 6, 5), "input": x, "weight": single}
        yield Call("conv_transpose2d_backward of pixels", reference.conv_transpose2d_backward, arrays)

        options = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1), "ceil_mode": True}
        _, indices = reference.max_pool2d(x, **options, return_indices=True)
        g = numbers(*indices.shape)
        backward = {"grad_output": g, "indices": indices}
        yield Call("max_pool2d", reference.max_pool2d, {"input": x}, {**options, "return_indices": True})
        yield Call("max_pool2d without padding", reference.max_pool2d, {"input": x}, {"kernel_size": 2})
        yield Call("max_pool2d of single pixels", reference.max_pool2d, {"input": x}, {"kernel_size": 1})
        yield Call("max_pool2d_backward", reference.max_pool2d_backward, backward, {"input_shape": x.shape})
        yield Call("avg_pool2d", reference.avg_pool2d, {"input": x}, options)
        yield Call("avg_pool2d of single pixels", reference.avg_pool2d, {"input": x}, {"kernel_size": 1})
        options = {**options, "divisor_override": 4}
        arrays = {"grad_output": g}
        yield Call("avg_pool2d_backward", reference.avg_pool2d_backward, arrays, {**options, "input_shape": x.shape})

        for size in ((3, 2), (1, 1), (4, 7), (6, None)):
            y = reference.adaptive_avg_pool2d(x, size)
            options = {"output_size": size}
            yield Call("adaptive_avg_pool2d", reference.adaptive_avg_pool2d, {"input": x}, options)
            arrays, options = {"grad_output": numbers(*y.shape)}, {"input_shape": x.shape}
            yield Call("adaptive_avg_pool2d_backward", reference.adaptive_avg_pool2d_backward, arrays, options)

        for mode in ("constant", "reflect", "replicate", "circular"):
            for amounts in ((1, 2, 3, 0), (0, 0, 0, 0), (0, -1, -2, 0)):
                options = {"pad": amounts, "mode": mode}
                g = numbers(*reference.pad(x, amounts, mode).shape)
                yield Call(f"pad, {mode}", reference.pad, {"input": x}, options)
                options = {**options, "input_shape": x.shape}
                yield Call(f"pad_backward, {mode}", reference.pad_backward, {"grad_output": g}, options)

    for shape in ((3, 4, 5), (7,), ()):
        x, g = numbers(*shape), numbers(*shape, seed=1)
        yield Call("relu", reference.relu, {"input": x})
        yield Call("relu_backward", reference.relu_backward, {"grad_output": g, "input": x})
        for name, saved in ELEMENTWISE.items():
            arrays = {"grad_output": g, saved: x}
            yield Call(name, getattr(reference, name), {"input": x})
            yield Call(name + "_backward", getattr(reference, name + "_backward"), arrays)
        yield Call("gelu, approximated", reference.gelu, {"input": x}, {"approximate": "tanh"})
        arrays = {"grad_output": g, "input": x}
        yield Call("gelu_backward, approximated", reference.gelu_backward, arrays, {"approximate": "tanh"})
        yield Call("flatten", reference.flatten, {"input": x})
        flat = numbers(x.size)
        yield Call("flatten_backward", reference.flatten_backward, {"grad_output": flat}, {"input_shape": shape})
        yield Call("flatten_backward to itself", reference.flatten_backward, {"grad_output": g}, {"input_shape": shape})
        for options in ({"p": 0.75}, {"p": 0.0}, {"p": 1.0}, {"training": False}):
            arrays = {"input": x, "mask": np.asarray(g > 0)}
            yield Call("dropout", reference.dropout, arrays, options)
            arrays = {"grad_output": g, "mask": np.asarray(g > 0)}
            yield Call("dropout_backward", reference.dropout_backward, arrays, options)
    x, g, kept = numbers(3, 4, 6, 5), numbers(3, 4, 6, 5, seed=1), numbers(3, 4) > 0
    for options in ({"p": 0.75}, {"training": False}):
        yield Call("dropout2d", reference.dropout2d, {"input": x, "mask": kept}, options)
        yield Call("dropout2d_backward", reference.dropout2d_backward, {"grad_output": g, "mask": kept}, options)
    yield Call("pad of a number", reference.pad, {"input": numbers()}, {"pad": ()})
    arguments = {"input_shape": (), "pad": ()}
    yield Call("pad_backward of a number", reference.pad_backward, {"grad_output": numbers()}, arguments)

    for leading, outputs in (((3,), (5,)), ((), (5,)), ((2, 3), (5,)), ((3,), ()), ((), ())):
        x, weight, bias = numbers(*leading, 4), numbers(*outputs, 4), numbers(*outputs)
        with_bias = {"input": x, "weight": weight, "bias": bias} if outputs else {"input": x, "weight": weight}
        yield Call("linear", reference.linear, with_bias)
        arrays = {"grad_output": numbers(*leading, *outputs), "input": x, "weight": weight}
        yield Call("linear_backward", reference.linear_backward, arrays)

    yield from batch_norm_calls(dtype)
    yield from layer_and_group_norm_calls(dtype)
    yield from probability_calls(dtype)
    yield from loss_calls(dtype)


def batch_norm_calls(dtype: Any) -> Iterator[Call]:
    """batch_norm: means of integers round, and so does all that is made of them."""
    for shape in ((3, 4, 6, 5), (3, 4, 7), (5, 4)):
        for training in (True, False):
            arrays = {"input": random_integers(shape, dtype)}
            for seed, name in enumerate(("running_mean", "running_var", "weight", "bias")):
                arrays[name] = np.abs(random_integers((4,), dtype, seed + 1))
            arguments: dict[str, Any] = {"training": training, "eps": 0.5}
            g = random_integers(shape, dtype, seed=9)
            case = Case("real", np.dtype(dtype), arrays, {**arguments, "momentum": 0.1})
            bound = pair_named("batch_norm").expected(case, g)
            tight = [bound[n] for n in ("output", "grad_input", "grad_weight", "grad_bias")]
            bounds = tuple(b for b in tight if b is not None)
            assert len(bounds) == 4
            yield Call(f"batch_norm, {shape}, {training}", reference.batch_norm, arrays, arguments, bounds[:1])
            arrays = {"grad_output": g, **{name: array for name, array in arrays.items() if name != "bias"}}
            name = f"batch_norm_backward, {shape}, {training}"
            yield Call(name, reference.batch_norm_backward, arrays, arguments, bounds[1:])
    plain = {"running_mean": None, "running_var": None, "training": True}
    yield Call("batch_norm of its own", reference.batch_norm, {"input": arrays["input"]}, plain, bounds[:1])


def layer_and_group_norm_calls(dtype: Any) -> Iterator[Call]:
    """Layer and group normalisation; these round, and in another order of summation in another way."""
    for name, shape, channels, arguments in (
        ("layer_norm", (3, 5), (5,), {"normalized_shape": (5,)}),
        ("layer_norm", (3, 2, 4), (2, 4), {"normalized_shape": (2, 4)}),
        ("layer_norm", (7,), (7,), {"normalized_shape": (7,)}),
        ("group_norm", (3, 4, 5, 2), (4,), {"num_groups": 2}),
        ("group_norm", (3, 6), (6,), {"num_groups": 2}),
    ):
        x, weight = random_integers(shape, dtype), random_integers(channels, dtype)
        g, bias = random_integers(shape, dtype, seed=1), random_integers(channels, dtype, seed=1)
        options: dict[str, Any] = {**arguments, "eps": 0.5}
        forward, backward = getattr(reference, name), getattr(reference, name + "_backward")
        for arrays in ({"input": x}, {"input": x, "weight": weight, "bias": bias}):
            bound = pair_named(name).expected(Case("real", np.dtype(dtype), arrays, options), g)
            found = {result: b for result, b in bound.items() if b is not None}
            yield Call(name, forward, arrays, options, (found["output"],))
        arrays = {"grad_output": g, "input": x, "weight": weight}
        bounds = tuple(found["grad_" + argument] for argument in ("input", "weight", "bias"))
        yield Call(name + "_backward", backward, arrays, options, bounds)
        for i in range(3):
            mask = tuple(j == i for j in range(3))
            yield Call(
                name + "_backward, masked", backward, arrays, {**options, "output_mask": mask}, bounds[i : i + 1]
            )


def probability_calls(dtype: Any) -> Iterator[Call]:
    """softmax and what stands on it; these round, and sums of rounded numbers depend on the order of summation."""
    for name in ("softmax", "log_softmax"):
        for shape, dim in (((3, 5), 1), ((3, 5), 0), ((2, 5, 3), 1), ((7,), 0), ((), 0)):
            case = Case("real", np.dtype(dtype), {"input": random_integers(shape, dtype)}, {"dim": dim})
            forward, backward = getattr(reference, name), getattr(reference, name + "_backward")
            y, g = forward(**case.arrays, dim=dim), random_integers(shape, dtype, seed=1)
            bound = pair_named(name).expected(case, g)
            assert bound["output"] is not None
            assert bound["grad_input"] is not None
            yield Call(name, forward, case.arrays, case.arguments, (bound["output"],))
            arrays = {"grad_output": g, "output": y}
            yield Call(name + "_backward", backward, arrays, case.arguments, (bound["grad_input"],))

    generator = np.random.default_rng(0)
    for shape in ((3, 4), (4,), (3, 4, 2)):
        samples = shape[:1] + shape[2:] if len(shape) > 1 else ()
        indices = generator.integers(0, 4, samples)
        targets = [indices, generator.uniform(0, 1, shape).astype(dtype)]
        if len(shape) < 3:
            targets.append(indices.astype(np.uint8))
        for target in targets:
            for reduction in ("mean", "none"):
                arrays = {"input": random_integers(shape, dtype), "target": target}
                arrays["weight"] = np.array([1, 2, 0.5, 3], dtype)
                smoothing = 0.0 if target.dtype == np.uint8 else 0.2
                arguments: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": -100}
                g = random_integers(samples if reduction == "none" else (), dtype, seed=2)
                case = Case("real", np.dtype(dtype), arrays, arguments)
                bound = pair_named("cross_entropy").expected(case, g)
                bounds = [bound[n] for n in ("output", "grad_input", "grad_target") if n in bound]
                tight = tuple(b for b in bounds if b is not None)
                assert len(tight) == 2 + (target.dtype == dtype)
                yield Call("cross_entropy", reference.cross_entropy, arrays, arguments, tight[:1])
                arrays = {"grad_output": g, **arrays}
                yield Call("cross_entropy_backward", reference.cross_entropy_backward, arrays, arguments, tight[1:])

                if target.dtype.kind != "f":
                    yield from likelihoods(case, g)


def loss_calls(dtype: Any) -> Iterator[Call]:
    """The losses of numbers, and of two answers; the small integers make sums of squares exact."""

    def numbers(*shape: int, seed: int = 0) -> Array:
        return random_integers(shape, dtype, seed)

    given: dict[str, Array]
    arguments: dict[str, Any]
    x, target, weight = numbers(3, 4, 2), numbers(3, 4, 2, seed=1), np.abs(numbers(3, 4, 2, seed=2)) + 1
    for given in ({}, {"weight": weight}):
        for reduction in ("mean", "none"):
            arrays, arguments = {"input": x, "target": target, **given}, {"reduction": reduction}
            yield Call("mse_loss", reference.mse_loss, arrays, arguments)
            arrays = {"grad_output": numbers(*(x.shape if reduction == "none" else ())), **arrays}
            yield Call("mse_loss_backward", reference.mse_loss_backward, arrays, arguments)

    name = "binary_cross_entropy_with_logits"
    for given in ({}, {"weight": weight, "pos_weight": numbers(4, 1, seed=3)}):
        for reduction in ("mean", "none"):
            arrays, arguments = {"input": x, "target": target, **given}, {"reduction": reduction}
            g = numbers(*(x.shape if reduction == "none" else ()))
            found = pair_named(name).expected(Case("real", np.dtype(dtype), arrays, arguments), g)
            both = tuple(np.asarray(found[n]) for n in ("output", "grad_input", "grad_target"))
            yield Call(name, getattr(reference, name), arrays, arguments, both[:1])
            arrays = {"grad_output": g, **arrays}
            yield Call(name + "_backward", getattr(reference, name + "_backward"), arrays, arguments, both[1:])


def likelihoods(case: Case, g: Array) -> Iterator[Call]:
    """The negative log-likelihood and its gradient, of a case of cross-entropy."""
    arguments = {name: case.arguments[name] for name in ("reduction", "ignore_index")}
    yield Call("nll_loss", reference.nll_loss, case.arrays, arguments)
    yield Call("nll_loss_backward", reference.nll_loss_backward, {"grad_output": g, **case.arrays}, arguments)


ALL = [call for dtype in (np.float32, np.float64) for call in calls(dtype)]
every_call = pytest.mark.parametrize("call", ALL, ids=lambda call: call.name)


def layouts(array: Array) -> Iterator[tuple[str, Array]]:
    """The same numbers, lying in memory in other ways."""
    yield "read-only", frozen(array.copy())
    unaligned = np.frombuffer(b"\0" + array.tobytes(), array.dtype, offset=1).reshape(array.shape)
    assert not unaligned.flags.aligned or array.dtype.itemsize == 1 or array.size == 0
    yield "unaligned, read-only", unaligned
    if array.ndim == 0:
        return
    yield "Fortran order", fortran(array)
    last = array.ndim - 1
    yield "transposed", np.ascontiguousarray(array.swapaxes(0, last)).swapaxes(0, last)
    yield "first dimension last", np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
    yield "last dimension first", np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 0)), 0, -1)
    for axis in range(array.ndim):
        yield f"every second along {axis}", np.repeat(array, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        yield f"backwards along {axis}", np.flip(np.flip(array, axis).copy(), axis)
    yield "backwards altogether", np.flip(np.flip(array).copy())
    wide = np.pad(array, 1, constant_values=1)
    yield "cut out", wide[(slice(1, -1),) * array.ndim]


def frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def fortran(array: Array) -> Array:
    return np.array(array, order="F")


def check(call: Call, actual: list[Array], expected: list[Array], what: str) -> None:
    bounds = call.bounds or (None,) * len(expected)
    for result, wanted, bound in zip(actual, expected, bounds, strict=True):
        verdict = compare(result, wanted, bound)
        assert verdict.equal, f"{call.name}, {what}: {verdict.message}"


def test_every_function_is_tried_with_every_array_argument() -> None:
    tried: dict[str, set[str]] = {}
    for call in ALL:
        tried.setdefault(call.function.__name__, set()).update(call.arrays)
    for name in reference.__all__:
        function = getattr(reference, name)
        if not inspect.isfunction(function):
            continue
        arrays = {
            argument
            for argument, parameter in inspect.signature(function).parameters.items()
            if "NDArray" in str(parameter.annotation) or "ndarray" in str(parameter.annotation)
        }
        assert arrays, f"{name} takes no array"
        assert tried[name] == arrays


@every_call
def test_results_do_not_depend_on_the_layout(call: Call) -> None:
    expected = call()
    for name, array in call.arrays.items():
        for layout, other in layouts(array):
            check(call, call(**{name: other}), expected, f"{name} {layout}")
    # And all of them at once.
    for each in zip(*(layouts(array) for array in call.arrays.values()), strict=False):
        others = {name: other for name, (_, other) in zip(call.arrays, each, strict=True)}
        check(call, call(**others), expected, ", ".join(layout for layout, _ in each))


@every_call
def test_the_user_s_settings_of_numpy_are_as_they_were(call: Call) -> None:
    before = np.getbufsize(), np.geterr()
    call()
    assert (np.getbufsize(), np.geterr()) == before


@every_call
def test_a_broadcast_array_is_an_array_like_any_other(call: Call) -> None:
    for name, array in call.arrays.items():
        for axis in range(array.ndim):
            # Strides of 0: one entry stands for all along this dimension.
            repeated = np.broadcast_to(array.take([0], axis), array.shape)
            check(call, call(**{name: repeated}), call(**{name: repeated.copy()}), f"{name} broadcast along {axis}")
        number = np.broadcast_to(array.dtype.type(1), array.shape)
        check(call, call(**{name: number}), call(**{name: number.copy()}), f"{name} broadcast from a number")


@every_call
def test_no_argument_is_changed(call: Call) -> None:
    kept = {name: array.copy() for name, array in call.arrays.items()}
    for replaced in ({}, {name: fortran(array) for name, array in call.arrays.items()}):
        call(**replaced)
        for name, array in {**call.arrays, **replaced}.items():
            assert array.tobytes() == kept[name].tobytes(), name


@every_call
def test_results_own_their_memory_and_may_be_written(call: Call) -> None:
    variants: list[dict[str, Array]] = [{}]
    for make in (lambda a: frozen(a.copy()), fortran, batch_last):
        variants.append({name: make(array) for name, array in call.arrays.items()})
    for replaced in variants:
        arrays = {**call.arrays, **replaced}
        results = call(**replaced)
        for i, result in enumerate(results):
            assert type(result) is np.ndarray
            if call.function in (reference.flatten, reference.flatten_backward):
                continue  # views, where the layout allows it
            assert result.flags.writeable
            assert not any(np.may_share_memory(result, array) for array in arrays.values())
            assert not any(np.may_share_memory(result, other) for other in results[:i])
            # No two elements are one: writing to one leaves the others alone.
            assert 0 not in [stride for stride, size in zip(result.strides, result.shape, strict=True) if size > 1]


def batch_last(array: Array) -> Array:
    """The layout that the results of ``conv2d`` have."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0) if array.ndim else array


@pytest.mark.parametrize("padding", [0, 1])
@both_dtypes
def test_images_with_the_batch_last_in_memory_stay_so(padding: int, dtype: Any) -> None:
    """The next layer then finds the long contiguous runs that it wants (conv.py)."""
    x = random_integers((4, 8, 6, 5), dtype).transpose(3, 0, 1, 2)
    k = random_integers((3, 4, 3, 3), dtype)
    y = reference.conv2d(x, k, padding=padding)
    pooled, indices = reference.max_pool2d(x, 3, 2, padding, return_indices=True)
    mean_and_var = np.zeros(4, dtype), np.ones(4, dtype)
    images = {
        "conv2d": y,
        "conv2d_backward": reference.conv2d_backward(y, x, k, padding=padding)[0],
        "conv_transpose2d": reference.conv_transpose2d(x, k.swapaxes(0, 1), None, 2, padding),
        "conv_transpose2d, stride 1": reference.conv_transpose2d(x, k.swapaxes(0, 1), None, 1, padding),
        "conv_transpose2d_backward": reference.conv_transpose2d_backward(x, y, k, padding=padding)[0],
        "relu": reference.relu(x),
        "relu_backward": reference.relu_backward(x, x),
        **{name: getattr(reference, name)(x) for name in ELEMENTWISE},
        **{name + "_backward": getattr(reference, name + "_backward")(x, x) for name in ELEMENTWISE},
        "max_pool2d": pooled,
        "indices": indices,
        "max_pool2d_backward": reference.max_pool2d_backward(pooled, indices, x.shape),
        "avg_pool2d": reference.avg_pool2d(x, 3, 2, padding),
        "avg_pool2d_backward": reference.avg_pool2d_backward(pooled, x.shape, 3, 2, padding),
        "batch_norm": reference.batch_norm(x, None, None, training=True),
        "batch_norm_backward": reference.batch_norm_backward(np.ascontiguousarray(x), x, None, None, training=True)[0],
        "batch_norm in eval": reference.batch_norm(x, *mean_and_var),
        "batch_norm_backward in eval": reference.batch_norm_backward(np.ascontiguousarray(x), x, *mean_and_var)[0],
        "adaptive_avg_pool2d": reference.adaptive_avg_pool2d(x, (3, 2)),
        "adaptive_avg_pool2d of equal windows": reference.adaptive_avg_pool2d(x, (3, 5)),
        "adaptive_avg_pool2d_backward": reference.adaptive_avg_pool2d_backward(pooled, x.shape),
        "adaptive_avg_pool2d_backward of means": reference.adaptive_avg_pool2d_backward(pooled[..., :1, :1], x.shape),
        "dropout": reference.dropout(x),
        "dropout in evaluation": reference.dropout(x, training=False),
        "dropout2d": reference.dropout2d(x),
        "layer_norm": reference.layer_norm(x, x.shape[2:]),
        "layer_norm_backward": reference.layer_norm_backward(x, x, x.shape[2:])[0],
        "group_norm": reference.group_norm(x, 2),
        "group_norm_backward": reference.group_norm_backward(x, x, 2)[0],
    }
    for name, result in images.items():
        assert result is not None
        # A gradient may be cut out of its padded frame, which has gaps between the runs.
        strides = np.array(result.transpose(1, 2, 3, 0).strides)
        assert (strides[:-1] > strides[1:]).all(), name
        assert strides[-1] == result.itemsize, name


@both_dtypes
def test_vectors_with_the_batch_last_in_memory_stay_so(dtype: Any) -> None:
    x, weight = random_integers((4, 7), dtype).T, random_integers((3, 4), dtype)
    y = reference.linear(x, weight, random_integers((3,), dtype))
    grad_input, _, _ = reference.linear_backward(y, x, weight)
    assert y.T.flags.c_contiguous
    assert grad_input is not None
    assert grad_input.T.flags.c_contiguous


@every_call
def test_the_dtype_comes_out_that_went_in(call: Call) -> None:
    dtype = next(array.dtype for array in call.arrays.values() if array.dtype.kind == "f")
    for result in call():
        assert result.dtype in (dtype, np.int64)
        assert (result.dtype == np.int64) <= (call.function is reference.max_pool2d)


@every_call
def test_numbers_without_dimensions_may_be_numpy_scalars(call: Call) -> None:
    scalars = {name: array[()] for name, array in call.arrays.items() if array.ndim == 0}
    check(call, call(**scalars), call(), "scalars")
    assert all(isinstance(result, np.ndarray) for result in call(**scalars))


@every_call
def test_a_foreign_byte_order_is_a_type_error(call: Call) -> None:
    for name, array in call.arrays.items():
        if array.dtype.itemsize > 1:
            with pytest.raises(TypeError):
                call(**{name: array.astype(array.dtype.newbyteorder())})


# The layers and the optimizer stand on the same functions, and hold arrays between calls.


def test_layers_take_any_layout() -> None:
    nn.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4))
    network.load_state_dict({k: random_integers(v.shape, np.float32) for k, v in network.state_dict().items()})
    x, g = random_integers((5, 2, 6, 6), np.float32), random_integers((5, 4), np.float32)
    expected = [network(x), network.backward(g), *(p.grad for p in network.parameters())]
    for (layout, other_x), (_, other_g) in zip(layouts(x), layouts(g), strict=False):
        network.zero_grad()
        actual = [network(other_x), network.backward(other_g), *(p.grad for p in network.parameters())]
        for result, wanted in zip(actual, expected, strict=True):
            assert result is not None
            assert wanted is not None
            verdict = compare(result, wanted, np.zeros(()))
            assert verdict.equal, f"{layout}: {verdict.message}"


def test_a_state_dict_may_have_any_layout() -> None:
    layer = nn.Conv2d(2, 3, (3, 2))
    weight, bias = random_integers((3, 2, 3, 2), np.float32), random_integers((3,), np.float32)
    for (_, other_weight), (_, other_bias) in zip(layouts(weight), layouts(bias), strict=False):
        layer.load_state_dict({"weight": other_weight, "bias": other_bias})
        assert (layer.weight.data == weight).all()
        assert not np.may_share_memory(layer.weight.data, other_weight)


def test_the_optimizer_takes_gradients_of_any_layout() -> None:
    data, grad = random_integers((3, 4), np.float32), random_integers((3, 4), np.float32, seed=1)
    for layout, other in layouts(grad):
        for options in ({"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}):
            k = optim.Parameter(data.copy())
            optimizer = optim.SGD([k], lr=0.5, **options)  # type: ignore[arg-type]
            for _ in range(2):
                k.grad = other
                optimizer.step()
            steps = 2.5 if "nesterov" not in options else 3.25  # 1 + 1.5, or 1.5 + 1.75
            assert (k.data == data - np.float32(0.5 * steps) * grad).all(), layout
            assert other.tobytes() == grad.tobytes()
            assert not any(v is None or np.may_share_memory(v, other) for v in optimizer.momentum_buffers)


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "AdamW"])
def test_adaptive_optimizers_take_parameters_and_gradients_of_any_layout(name: str) -> None:
    data, grad = random_integers((3, 4), np.float32), random_integers((3, 4), np.float32, seed=1)

    def steps(data: Array, grad: Array) -> Array:
        k = optim.Parameter(data)
        optimizer = getattr(optim, name)([k], lr=0.5, weight_decay=0.25)
        for _ in range(2):
            k.grad = grad
            optimizer.step()
        assert not any(np.may_share_memory(array, grad) for state in optimizer.state for array in state.values())
        assert k.data is data
        return k.data

    expected = steps(data.copy(), grad)
    for (layout, other), (_, other_grad) in zip(layouts(data), layouts(grad), strict=True):
        if other.flags.writeable:
            kept = other_grad.tobytes()
            assert (steps(other, other_grad) == expected).all(), layout
            assert other_grad.tobytes() == kept
