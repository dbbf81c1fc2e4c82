"""Dropout's conventions at the edges, as torch has them, and its layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import Array, assert_equal, both_dtypes, random_normal
from torch_parity.masks import Drawn

SPECIAL = [1.0, -3.0, 0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1.7e308]
LAYERS = [nn.Dropout, nn.Dropout2d]


def both_sides(x: Array, mask: Array, p: float, training: bool) -> tuple[Array, Array]:
    with Drawn(torch.from_numpy(mask)):
        theirs = F.dropout(torch.from_numpy(x), p, training)
    return reference.dropout(x, p, training, mask=mask), theirs.numpy()


# By hand.


def test_what_is_kept_is_scaled_and_what_is_dropped_is_zero() -> None:
    x, mask = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, False, True])
    assert_equal(reference.dropout(x, 0.75, mask=mask), np.array([4.0, 0.0, 0.0, 16.0]))
    assert_equal(reference.dropout_backward(x, mask, 0.75), np.array([4.0, 0.0, 0.0, 16.0]))


def test_channels_are_dropped_as_a_whole_in_each_image_anew() -> None:
    x = np.arange(1.0, 17).reshape(2, 2, 2, 2)
    y = reference.dropout2d(x, 0.5, mask=np.array([[True, False], [False, True]]))
    assert_equal(y, np.stack([[2 * x[0, 0], 0 * x[0, 1]], [0 * x[1, 0], 2 * x[1, 1]]]))
    g = reference.dropout2d_backward(x, np.array([[True, False], [False, True]]), 0.5)
    assert_equal(g, y)


def test_on_average_nothing_changes() -> None:
    nn.manual_seed(0)
    for p in (0.1, 0.5, 0.8):
        assert abs(reference.dropout(np.ones(200_000), p).mean() - 1) < 0.03
        assert abs(reference.dropout2d(np.ones((500, 400, 1, 2)), p).mean() - 1) < 0.03


# torch's conventions.


@both_dtypes
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_numbers_are_multiplied_not_replaced(p: float, training: bool, dtype: Any) -> None:
    """A dropped -3 is -0.0, a dropped NaN or infinity is NaN; at p = 1 too."""
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL, dtype)
    for kept in (True, False):
        if p in (0.0, 1.0) and kept == (p == 1.0):
            continue  # no such mask is ever drawn
        ours, theirs = both_sides(x, np.full(x.shape, kept), p, training)
        assert_equal(ours, theirs)


def test_the_sign_of_what_is_dropped() -> None:
    dropped = reference.dropout(np.array([3.0, -3.0, np.inf, np.nan]), 0.5, mask=np.zeros(4, np.bool))
    assert np.signbit(dropped[:2]).tolist() == [False, True]
    assert (dropped[:2] == 0).all()
    assert np.isnan(dropped[2:]).all()


def test_the_factor_is_rounded_before_the_product() -> None:
    """x m / (1 - p) in one go differs in the last bit: torch divides the mask first."""
    x = random_normal((10_000,), np.float32)
    mask = np.ones(x.shape, np.bool)
    ours, theirs = both_sides(x, mask, 0.3, True)
    assert_equal(ours, theirs)
    assert (ours != x / np.float32(0.7)).any()


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_at_the_ends_the_mask_has_no_say(p: float) -> None:
    x = random_normal((5, 4), np.float64)
    for mask in (np.zeros(x.shape, np.bool), np.ones(x.shape, np.bool)):
        assert_equal(reference.dropout(x, p, mask=mask), x * (1 - p))
        assert_equal(reference.dropout_backward(x, mask, p), x * (1 - p))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_in_evaluation_nothing_happens_to_a_copy(p: float) -> None:
    x = random_normal((2, 3, 4, 5), np.float32)
    for y in (reference.dropout(x, p, False), reference.dropout2d(x, p, False)):
        assert_equal(y, x)
        assert not np.may_share_memory(y, x)
    assert_equal(reference.dropout_backward(x, None, p, False), x)
    assert_equal(reference.dropout2d_backward(x, None, p, False), x)


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_nothing_to_drop(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    assert reference.dropout(x).shape == reference.dropout2d(x).shape == shape
    assert reference.dropout2d_backward(x, np.ones(shape[:2], np.bool)).shape == shape


def test_without_a_mask_one_is_drawn_under_the_seed() -> None:
    x = np.ones((4, 5, 2, 3))
    for function in (reference.dropout, reference.dropout2d):
        nn.manual_seed(5)
        first, second = function(x), function(x)
        nn.manual_seed(5)
        assert_equal(function(x), first)
        assert (first != second).any()
        assert (first == first[..., :1, :1]).all() == (function is reference.dropout2d)
        assert set(first.ravel()) == {0, 2}


def test_a_dropped_channel_is_no_dropped_image() -> None:
    nn.manual_seed(0)
    mask = reference.dropout2d(np.ones((50, 40, 1, 1)))[..., 0, 0] > 0
    assert 0 < mask.mean(0).min() <= mask.mean(0).max() < 1
    assert 0 < mask.mean(1).min() <= mask.mean(1).max() < 1


# Refusals.


@pytest.mark.parametrize("function", [reference.dropout, reference.dropout2d])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"p": -0.1}, ValueError, "^p must be between 0 and 1, got -0.1$"),
        ({"p": 1.1}, ValueError, "^p must be between 0 and 1, got 1.1$"),
        ({"p": np.nan}, ValueError, "^p must be between 0 and 1, got nan$"),
        ({"p": -0.1, "training": False}, ValueError, "^p must be between 0 and 1, got -0.1$"),
        ({"p": "0.5"}, TypeError, "^p must be a real number, got '0.5'$"),
        ({"training": 1}, TypeError, "^training must be True or False, got 1$"),
        ({"mask": np.ones((2, 3, 4, 5))}, TypeError, "^mask must be an array of True and False, got float64$"),
        ({"mask": [True]}, TypeError, "^mask must be an array of True and False, got list$"),
        ({"mask": np.ones((3, 2), np.bool)}, ValueError, r"^mask must have shape \(2, 3.*as|images.*, got \(3, 2\)$"),
        ({"mask": np.ones((3, 2), np.bool), "training": False}, ValueError, r"^mask must have shape .*got \(3, 2\)$"),
    ],
)
def test_bad_arguments(function: Callable[..., Array], options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        function(np.ones((2, 3, 4, 5)), **options)


def test_messages_say_where_a_shape_comes_from() -> None:
    x, mask = np.ones((2, 3, 4, 5)), np.ones((2, 3, 4), np.bool)
    with pytest.raises(ValueError, match=r"^mask must have shape \(2, 3, 4, 5\) \(as input\), got \(2, 3, 4\)$"):
        reference.dropout(x, mask=mask)
    with pytest.raises(ValueError, match=r"^mask must have shape \(2, 3, 4, 5\) \(as grad_output\), got \(2, 3, 4\)$"):
        reference.dropout_backward(x, mask)
    with pytest.raises(ValueError, match=r"^mask must have shape \(2, 3\) \(the images and channels of input\), got"):
        reference.dropout2d(x, mask=mask)
    with pytest.raises(ValueError, match=r"^mask must .* \(2, 3\) \(the images and channels of grad_output\), got"):
        reference.dropout2d_backward(x, mask)


@pytest.mark.parametrize("function", [reference.dropout_backward, reference.dropout2d_backward])
def test_gradients_need_the_mask_in_training(function: Callable[..., Array]) -> None:
    g = np.ones((2, 3, 4, 5))
    with pytest.raises(TypeError, match=r"^mask must be the one that the forward step had, got None$"):
        function(g, None)
    with pytest.raises(TypeError, match=r"^training must be True or False, got 1$"):
        function(g, None, training=1)
    with pytest.raises(TypeError, match=r"^grad_output must be float32 or float64, got int64"):
        function(g.astype(np.int64), None)


@pytest.mark.parametrize("function", [reference.dropout_backward, reference.dropout2d_backward])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"p": 1.1}, ValueError, "^p must be between 0 and 1, got 1.1$"),
        ({"p": "0.5"}, TypeError, "^p must be a real number, got '0.5'$"),
        ({"training": 1}, TypeError, "^training must be True or False, got 1$"),
        ({"mask": np.ones((2, 3, 4, 5))}, TypeError, "^mask must be an array of True and False, got float64$"),
        ({"mask": np.ones((3, 2), np.bool)}, ValueError, r"^mask must have shape \(2, 3.*grad_output\), got \(3, 2\)$"),
    ],
)
def test_bad_arguments_of_gradients(
    function: Callable[..., Array], options: Any, error: type[Exception], message: str
) -> None:
    shape = (2, 3, 4, 5) if function is reference.dropout_backward else (2, 3)
    with pytest.raises(error, match=message):
        function(np.ones((2, 3, 4, 5)), **{"mask": np.ones(shape, np.bool), **options})


def test_channels_belong_to_images() -> None:
    for shape in ((3, 4, 5), (3, 4), (1, 2, 3, 4, 5)):
        with pytest.raises(ValueError, match=r"^input must be \(N, C, H, W\), got shape \("):
            reference.dropout2d(np.ones(shape))
        with pytest.raises(ValueError, match=r"^grad_output must be \(N, C, H, W\), got shape \("):
            reference.dropout2d_backward(np.ones(shape), np.ones(shape[:2], np.bool))
        with pytest.raises(ValueError, match=r"^input must be \(N, C, H, W\), got shape \("):
            nn.Dropout2d()(np.ones(shape))


# The layers.


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_written_as_in_torch(layer: Any) -> None:
    twin = getattr(torch.nn, layer.__name__)
    for arguments in ((), (0.2,), (1,), (0.3, True)):
        assert repr(layer(*arguments)) == repr(twin(*arguments))
    assert layer(0.2).state_dict() == {} == twin(0.2).state_dict()
    assert (layer(0.2, inplace=True).p, layer(0.2, inplace=True).inplace) == (0.2, True)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_refuses_no_probability(layer: Any) -> None:
    for p in (-0.5, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"^p must be between 0 and 1, got "):
            layer(p)
    with pytest.raises(TypeError, match=r"^p must be a real number, got '0\.5'$"):
        layer("0.5")
    with pytest.raises(TypeError, match=r"^input must be float32 or float64, got int64"):
        layer()(np.ones((2, 3, 4, 5), np.int64))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_keeps_its_mask_and_draws_another_each_time(layer: Any) -> None:
    nn.manual_seed(1)
    one, x, g = layer(0.25), random_normal((6, 5, 4, 3), np.float32), random_normal((6, 5, 4, 3), np.float32)
    function = getattr(reference, layer.__name__.lower())
    backward = getattr(reference, layer.__name__.lower() + "_backward")
    masks = []
    for _ in range(2):
        y = one(x)
        assert_equal(y, function(x, 0.25, mask=one.mask))
        assert_equal(one.backward(g), backward(g, one.mask, 0.25))
        masks.append(one.mask)
    assert not np.array_equal(*masks)
    assert one.backward(g, needs_input_grad=False) is None


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gradient_is_that_of_the_last_forward_whatever_is_set_since(layer: Any) -> None:
    x, g = random_normal((6, 5, 4, 3), np.float64), random_normal((6, 5, 4, 3), np.float64)
    one = layer(0.25)
    one(x)
    expected = one.backward(g)
    one.eval()
    one.p = 0.5
    assert_equal(one.backward(g), expected)
    assert_equal(one(x), x)
    assert one.mask is None
    one.train()
    assert_equal(one.backward(g), g)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_leaves_its_input_alone(layer: Any) -> None:
    x = random_normal((6, 5, 4, 3), np.float32)
    before = x.copy()
    for mode in (True, False):
        y = layer(0.5, inplace=True).train(mode)(x)
        y[...] = 7
        assert_equal(x, before)


def test_a_gradient_of_another_dtype_is_refused() -> None:
    for layer in (nn.Dropout(), nn.Dropout().eval(), nn.Dropout2d()):
        layer(np.ones((2, 3, 4, 5), np.float32))
        with pytest.raises(TypeError, match=r"^grad_output must have the dtype of input, float32, got float64$"):
            layer.backward(np.ones((2, 3, 4, 5)))
        with pytest.raises(ValueError, match=r"^grad_output must have shape \(2, 3, 4, 5\) \(as input\), got"):
            layer.backward(np.ones((2, 3, 5, 4), np.float32))


def test_the_output_of_a_subclass_is_a_plain_array() -> None:
    """As from all formulas; ``np.memmap``, for one, is a subclass."""

    class Own(np.ndarray[Any, Any]):
        pass

    x = np.ones((2, 3, 4, 5)).view(Own)
    assert type(reference.dropout(x, 0.5)) is np.ndarray
    assert type(reference.dropout2d(x, 0.5)) is np.ndarray
