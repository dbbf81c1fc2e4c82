"""Numbered cases as files, so that a kernel in any language can be checked without torch and without this package.

``cases.safetensors`` holds the arrays (https://github.com/huggingface/safetensors: a JSON header, then plain bytes),
``cases.json`` says what they are.  Its keys:

    seed, torch, numpy    which cases these are, and the versions that agreed on them
    sha256                of cases.safetensors
    cases                 a list with an object for each case:
        id                the start of its arrays' names: <id>/inputs/<name>, <id>/grad_output (the upstream gradient;
                          absent where there are no gradients), <id>/results/<name> and <id>/bounds/<name>
        formula, twin     such as 'conv2d' and 'torch.nn.Conv2d'
        kind, dtype       the kind of numbers (lattice, real, ties, extremes), and what they are numbers of
        arguments         all arguments that are no arrays, by name; infinities and NaN are the strings inf, -inf, nan
        inputs            the names of the array arguments
        results           by name ('output', 'indices', 'grad_' + the name of an input), how to compare:
                          'bits'    nothing rounds: the same bits (NaN equals NaN)
                          'values'  nothing rounds, but the sign of a zero is free
                          'bound'   at most the bound away, element by element; NaN and infinities must agree.  An
                                    infinite bound says that nothing is known there, since some orders of summation
                                    overflow

Bounds are float64: an array shaped as the result, or a single 0.  Sums may be added up in any order.  Numbers of
bfloat16 are stored as float32, which holds them exactly.  Results of float16 and bfloat16 are float64, unrounded where
there is a bound; the bounds are those of torch on the CPU.

A reader, with ``my_kernel(formula, inputs, arguments, grad_output)`` the code to be checked (it takes 'values' for
'bits'):

    import json, numpy as np, pathlib
    from safetensors.numpy import load_file
    arrays = load_file("cases.safetensors")
    for case in json.loads(pathlib.Path("cases.json").read_text())["cases"]:
        inputs = {name: arrays[f"{case['id']}/inputs/{name}"] for name in case["inputs"]}
        found = my_kernel(case["formula"], inputs, case["arguments"], arrays.get(f"{case['id']}/grad_output"))
        for name in case["results"]:
            y, want, bound = found[name], *(arrays[f"{case['id']}/{kind}/{name}"] for kind in ("results", "bounds"))
            right = (y == want) | (abs(y - want) <= bound) | (np.isnan(y) & np.isnan(want)) | np.isinf(bound)
            assert y.shape == want.shape and right.all(), (case["id"], name)
"""

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save

from torch_parity.files import write_atomically
from torch_parity.proof.backend import Backend
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import DTYPES, both_sides, numbered_case

Arrays = dict[str, npt.NDArray[Any]]
# NumPy's dtype in which the numbers of a 16-bit dtype are stored.
_STORED = {"float16": np.float16, "bfloat16": np.float32}


def export(
    folder: Path,
    pairs: Iterable[Pair],
    seed: int,
    indices: range,
    dtypes: tuple[np.dtype[Any], ...] = DTYPES,
    precision: str | None = None,
) -> int:
    """Write the numbered cases of ``pairs`` to ``folder``, which is made if need be; gives back how many.

    ``precision`` 'float16' or 'bfloat16' rounds the cases to it.  Raises RuntimeError for a case on which the
    reference and torch differ, and OSError where the files cannot be written.  Either file is replaced as a whole.
    """
    arrays: Arrays = {}
    cases = []
    backend = Backend(dtype=precision)
    for pair in pairs:
        for index in indices:
            case = numbered_case(pair, seed, index, backend.case_dtypes(dtypes))
            cases.append(_add(arrays, f"{pair.name}/{index}", pair, case, backend))
    data = save(arrays)
    about = {"seed": seed, "torch": torch.__version__, "numpy": np.__version__}
    found = {**about, "sha256": hashlib.sha256(data).hexdigest(), "cases": cases}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "cases.safetensors", data)
    write_atomically(folder / "cases.json", json.dumps(found, indent=1, allow_nan=False).encode())
    return len(cases)


def _add(arrays: Arrays, name: str, pair: Pair, case: Case, backend: Backend) -> dict[str, Any]:
    """Add the arrays of a case; gives back its object in the JSON."""
    case, results, theirs, expected, grad_output = both_sides(pair, case, backend, any_order=True)
    stored = _STORED.get(backend.dtype or "")
    for key, array in case.arrays.items():
        arrays[f"{name}/inputs/{key}"] = _plain(array, stored)
    if pair.differentiable(case):
        arrays[f"{name}/grad_output"] = _plain(grad_output, stored)
    how = {}
    for key, result in results.items():
        bound = expected.get(key)
        verdict = compare(result, theirs[key], bound)
        if not verdict.equal:
            raise RuntimeError(f"{name}, {case}: {key}: {verdict.message}")
        how[key] = "bits" if bound is None else "bound" if np.any(bound) else "values"
        arrays[f"{name}/results/{key}"] = _plain(result)
        wide = np.zeros(()) if how[key] != "bound" else np.broadcast_to(np.asarray(bound), result.shape)
        arrays[f"{name}/bounds/{key}"] = _plain(wide, np.float64)
    return {
        "id": name,
        "formula": pair.name,
        "twin": pair.twin_name,
        "kind": case.kind,
        "dtype": backend.dtype or case.dtype.name,
        "arguments": {key: _as_json(value) for key, value in case.arguments.items()},
        "inputs": list(case.arrays),
        "results": how,
    }


def _plain(array: npt.NDArray[Any], dtype: Any = None) -> npt.NDArray[Any]:
    """A contiguous copy, floating-point numbers as ``dtype`` where given."""
    return np.array(array, dtype if array.dtype.kind == "f" else None, order="C")


def _as_json(value: Any) -> Any:
    """A value that JSON can say: it has no infinities, and no tuples."""
    if isinstance(value, tuple | list):
        return [_as_json(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
