"""What the notebook's cells call: the verdict on both sides' results, and on a function written by oneself."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice, product
from typing import Any

import numpy as np
import torch

import reference
from reference.optim import SGD
from torch_parity.doctor import examine
from torch_parity.lesson.example import Array, Call, Matrices, Result, prove
from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import SECTIONS
from torch_parity.proof.pairs import pair_named

CASES = 24  # at most, that a function written by oneself must pass

# What the letters of the formulas mean, where a function's arguments are called by them.
LETTERS = {"x": "input", "K": "weight", "W": "weight", "b": "bias", "g": "grad_output", "eta": "lr", "k": "kernel_size",
           "kernel": "kernel_size", "s": "stride", "p": "padding", "d": "dilation", "logits": "input",
           "t": "target"}  # fmt: skip


def section(name: str) -> Section:
    """The section called ``name``; KeyError if there is none."""
    return {one.name: one for one in SECTIONS}[name]


def verdict(
    name: str, given: Matrices, options: dict[str, Any], ours: Matrices, theirs: Mapping[str, torch.Tensor]
) -> None:
    """Print NumPy's and torch's results of a section's example, and whether they are equal.

    They must be so bit for bit where nothing rounds, and else within the proven bound.  Raises AssertionError where
    they are not.
    """
    proven = prove(section(name).calls(given, options))
    for matrix, tensor in theirs.items():
        numpy, torch_result = np.asarray(ours[matrix]), tensor.detach().numpy().reshape(np.shape(ours[matrix]))
        differences, bound = np.abs(numpy - torch_result), np.broadcast_to(proven[matrix].bound, numpy.shape)
        equal = bool((differences <= bound).all())
        with np.printoptions(precision=6, suppress=True, threshold=200):
            print(f"{matrix}, NumPy:\n{_as_matrix(numpy)}\n{matrix}, torch:\n{_as_matrix(torch_result)}")
        print("equal" if equal else "DIFFERENT", _how(differences, bound), end="\n\n")
        assert equal, f"{matrix}: NumPy and torch differ"


def _as_matrix(array: Array) -> Array:
    return array.reshape(array.shape[-2:]) if array.size == np.prod(array.shape[-2:]) else array


def _how(differences: Array, bound: Array) -> str:
    if not bound.any():
        return f"bit for bit: {differences.size:,} numbers"
    return f"within the bound of rounding: {differences.max():.1e} apart, {bound.max():.1e} allowed at most"


def check(function: Callable[..., Any], name: str) -> None:
    """Compare a function, written by oneself, with the reference on the examples of a section; print the outcome.

    Its name says what it computes ("relu" or "relu_backward"), its arguments' names are those of the reference or the
    letters of the formulas.  Where it is different the doctor names the mistake; if it has no name, the case is shown.
    """
    cases = 0
    for call in islice(_calls(section(name), function), CASES):
        given, expected = _asked(call, function.__name__.endswith("_backward"))
        try:
            arguments = _arguments(function, given)
            found = function(**arguments)
        except NotImplementedError:
            found = None
        except Exception as error:  # whatever a student's function raises
            print(f"{function.__name__} raises {type(error).__name__}: {error}")
            return
        if found is None or found is ...:
            print("Not written yet. Complete the cell above, run it, and run this one again.")
            return
        cases += 1
        results = found if isinstance(found, tuple) else (found,)
        if len(results) < len(expected):
            print(f"{function.__name__} returns {len(results)} of {len(expected)} results: {', '.join(expected)}")
            return
        for (what, result), got in zip(expected.items(), results, strict=False):  # indices may follow
            if not _fits(np.asarray(got), result):
                print(f"Different in case {cases}: {what}")
                named = _named(function)
                if named:
                    print(f"\n{named}")
                    return
                with np.printoptions(threshold=200):  # of a digit the corners
                    for argument, value in arguments.items():
                        print(f"{argument} =\n{np.asarray(value)}")
                    print(f"expected\n{result.numpy}\ngot\n{np.asarray(got)}")
                return
    print(f"Right: equal to the reference in {cases} of {cases} cases." if cases else _unknown(function))


def _named(function: Callable[..., Any]) -> str:
    """What the doctor says of a wrong function; "" where it cannot name a mistake."""
    try:
        found = examine(function, _formula(function))
    except ValueError:  # arguments that it does not understand
        return ""
    return str(found) if any(entry.diagnoses for entry in found) else ""


def _formula(function: Callable[..., Any]) -> str:
    return {"sgd_step": "sgd"}.get(function.__name__, function.__name__)


def _unknown(function: Callable[..., Any]) -> str:
    return f"The notebook has no cases for {function.__name__}: compare it with the results above."


def _fits(got: Array, result: Result) -> bool:
    return got.shape == result.numpy.shape and bool((np.abs(got - result.numpy) <= result.bound).all())


def _calls(section: Section, function: Callable[..., Any]) -> Iterator[Call]:
    """The section's calls of what ``function`` computes: as shown, for all options; then, without end, others."""
    every = [dict(zip(section.options, values, strict=True)) for values in product(*section.options.values())]
    shown = (_resolved(section, section.fit(section.given, options), options) for options in every)
    calls = [call for some in shown for call in some if _computes(function, call)]
    yield from calls
    generator = np.random.default_rng(0)
    for call in cycle(calls):
        yield _with_other_numbers(call, generator)


def _resolved(section: Section, given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The section's calls; where they name the result of an earlier one, that result."""
    results = prove(section.calls(given, options))

    def array(one: Any) -> Any:
        return results[one].numpy if isinstance(one, str) else one

    return [
        replace(call, arrays={n: array(a) for n, a in call.arrays.items()}, grad_output=array(call.grad_output))
        for call in section.calls(given, options)
    ]


def _computes(function: Callable[..., Any], call: Call) -> bool:
    """Whether ``call`` is of its formula, with no option but those that it takes."""
    if call.formula != _formula(function).removesuffix("_backward"):
        return False
    options = inspect.signature(SGD if call.formula == "sgd" else getattr(reference, call.formula)).parameters
    taken = {LETTERS.get(name, name) for name in inspect.signature(function).parameters}
    return all(name in taken or options[name].default == value for name, value in call.arguments.items())


def _with_other_numbers(call: Call, generator: np.random.Generator) -> Call:
    def other(array: Array) -> Array:
        return generator.integers(-5, 6, array.shape)

    upstream = call.grad_output
    return replace(
        call,
        arrays={name: array if name == "target" else other(np.asarray(array)) for name, array in call.arrays.items()},
        grad_output=None if upstream is None else other(np.asarray(upstream)),
    )


def _asked(call: Call, backward: bool) -> tuple[dict[str, Any], dict[str, Result]]:
    """All that a function may want to be given for ``call``, by name, and the results expected of it."""
    pair = pair_named(call.formula)
    if backward:
        shape = prove([replace(call, shows={"output": "output"})])["output"].numpy.shape
        upstream = np.arange(1.0, 1 + np.prod(shape)).reshape(shape) if call.grad_output is None else call.grad_output
        call = replace(call, grad_output=upstream)
    outputs = ["output", "indices"] if call.formula == "max_pool2d" else ["output"]
    grads = [f"grad_{name}" for name in pair.gradients if name in call.arrays and name != "target"] if backward else []
    proven = prove([replace(call, shows={name: name for name in (*outputs, *grads)})])
    given: dict[str, Any] = {**call.arguments}
    arrays = {name: np.asarray(array) for name, array in call.arrays.items()}
    given |= {name: array if name == "target" else array.astype(np.float64) for name, array in arrays.items()}
    if not backward:
        return given, {"output": proven["output"]}
    given |= {name: proven[name].numpy for name in outputs}
    given["grad_output"] = np.reshape(np.asarray(call.grad_output, np.float64), given["output"].shape)
    if "input" in arrays:
        given["input_shape"] = arrays["input"].shape
    return given, {name: proven[name] for name in grads}


def _arguments(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Those of ``given`` that ``function`` takes."""
    y = "target" if "target" in given else "output"
    of_sgd = {"K": "parameter", "g": "grad"} if "parameter" in given else {}
    names = {**LETTERS, "y": y, **of_sgd}
    if "grads" in given:
        given = {**given, "grad": given["grads"][0], "grad_K": given["grads"][0]}
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        meaning = name if name in given else names.get(name, name)
        if meaning in given:
            found[name] = given[meaning]
        elif parameter.default is parameter.empty:
            raise TypeError(f"what its argument {name} means is not known here")
    return found
