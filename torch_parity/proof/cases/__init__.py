"""Inputs for the proof: every argument of every formula, on several kinds of numbers.

A case is one call of one formula.  Four kinds of numbers each find what the others let pass:

    lattice   small integers: no sum of their products rounds, in any order, so any difference at all is a bug
    ties      only -1, -0.0, 0.0 and 1: equal maxima, kinks and signed zeros everywhere (exact as well)
    real      normally distributed, of random scale: what networks compute with, and scores of hundreds; these round
    extremes  NaN, infinities, subnormals, the largest and smallest numbers of the dtype

Shapes are unequal (H != W, C != O, kH != kW mostly), so that a swap of two of them shows.  Arrays lie in memory in
every way that NumPy knows: transposed, sliced, reversed, broadcast, read-only.

The odds are such that a few thousand cases meet every pair of properties of two arguments (``coverage`` counts them).
"""

from torch_parity.proof.cases.adam import adam, adamw
from torch_parity.proof.cases.adaptive_pooling import adaptive_avg_pool2d
from torch_parity.proof.cases.batch_norm import batch_norm
from torch_parity.proof.cases.binary_cross_entropy_with_logits import binary_cross_entropy_with_logits
from torch_parity.proof.cases.case import KINDS, LATTICE, Case, Draw, Maker, RandomDraw, numbers
from torch_parity.proof.cases.clip_grad_norm import clip_grad_norm
from torch_parity.proof.cases.conv import conv2d
from torch_parity.proof.cases.conv_transpose import conv_transpose2d
from torch_parity.proof.cases.cross_entropy import cross_entropy
from torch_parity.proof.cases.dense import linear
from torch_parity.proof.cases.dropout import dropout, dropout2d
from torch_parity.proof.cases.flatten import flatten
from torch_parity.proof.cases.gelu import gelu
from torch_parity.proof.cases.group_norm import group_norm
from torch_parity.proof.cases.layer_norm import layer_norm
from torch_parity.proof.cases.leaky_relu import leaky_relu
from torch_parity.proof.cases.mse_loss import mse_loss
from torch_parity.proof.cases.nll_loss import nll_loss
from torch_parity.proof.cases.padding import pad
from torch_parity.proof.cases.pooling import avg_pool2d, max_pool2d
from torch_parity.proof.cases.relu import relu
from torch_parity.proof.cases.rmsprop import rmsprop
from torch_parity.proof.cases.sgd import sgd
from torch_parity.proof.cases.sigmoid import sigmoid
from torch_parity.proof.cases.softmax import softmax

__all__ = [
    "KINDS",
    "LATTICE",
    "Case",
    "Draw",
    "Maker",
    "RandomDraw",
    "adam",
    "adamw",
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "clip_grad_norm",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "flatten",
    "gelu",
    "group_norm",
    "layer_norm",
    "leaky_relu",
    "linear",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "numbers",
    "pad",
    "relu",
    "rmsprop",
    "sgd",
    "sigmoid",
    "softmax",
]
