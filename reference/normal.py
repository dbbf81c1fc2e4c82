"""The normal distribution, which GELU needs and NumPy does not have.

    density       phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
    distribution  Phi(x) = the integral of phi from -infinity to x = (1 + erf(x / sqrt 2)) / 2

The form with the error function loses what is small: far to the left erf is next to -1, and 1 + erf has no digits left
at x = -6 in float32.  So the tail, Phi(-z) for z >= 0, is computed by itself, and the other side as 1 less the tail.

The tail is phi(z) times Mills' ratio, which changes little, and behaves as 1 / z far out.  Therefore

    Phi(-z) = exp(-z^2 / 2) F(t) / (1 + z)          t = (z - 5) / (z + 5)

has an F that is smooth for t from -1 (z = 0) to 1 (z infinite), where it falls from 1/2 to 1 / sqrt(2 pi): a polynomial
in t, the one cut off from its Chebyshev series (interpolated at 80 points, in 50 digits), is F to 1.5e-8 with 12
coefficients, and to 2e-17 with 24.

The power needs care: z^2 / 2 rounded to float32 would be off by 2^-19 at z = 8, and exp with it.  What was rounded
away is put back.

Source: Shepherd & Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity (1981), for the
variable t and the factor 1 + z; Cody, Rational Chebyshev approximations for the error function (1969), for the power.
"""

import math

import numpy as np

from reference.arguments import Array, ieee754

# Of F, the constant term first.
FLOAT32 = (
    0.4615158345, -0.09155229981, 0.03103003320, 0.01000286252, -0.02639712117, 0.02453280491, -0.01518721344,
    0.006536668449, -0.001643488571, -1.784874009e-5, 0.0001531002686, -3.104840446e-5,
)  # fmt: skip
FLOAT64 = (
    0.46151582985003777, -0.091552281834009036, 0.031030368425963709, 0.010002352385229383, -0.026401042966308308,
    0.024536963243678653, -0.015170415402514863, 0.0065220006677838963, -0.0016760723445544700, 7.7915974093389983e-6,
    0.00018233414511643844, -5.3607581114872200e-5, -9.8960977592797819e-6, 9.0598246812566385e-6,
    -7.0346446835371019e-8, -1.3074486019237587e-6, 1.2787822182093702e-7, 1.9627809920091186e-7,
    -2.6286205089898754e-8, -3.0952017558042070e-8, 3.6273731634012009e-9, 4.4011596227599252e-9,
    -2.8220772290629865e-10, -3.8158162626329528e-10,
)  # fmt: skip
# Beyond this even the smallest number of float64 is larger than the tail.
FAR = 40


def density(input: Array) -> Array:
    """phi(x) for every element of ``input`` (any shape).

    >>> import numpy as np
    >>> from reference.normal import density
    >>> print(density(np.array([0.0, 1, -1])))
    [0.39894228 0.24197072 0.24197072]
    """
    return np.asarray(_power(_distance(input)) * (1 / math.sqrt(2 * math.pi)))


@ieee754
def distribution(input: Array) -> Array:
    """Phi(x) for every element of ``input`` (any shape).

    >>> import numpy as np
    >>> from reference.normal import distribution
    >>> print(distribution(np.array([0.0, 1, 2, 3])))  # 68 % lie within 1, 95 % within 2, 99.7 % within 3
    [0.5        0.84134475 0.97724987 0.9986501 ]
    >>> print(distribution(np.array([-6.0, -20])))
    [9.86587645e-10 2.75362412e-89]
    """
    z = _distance(input)
    t = (z - 5) / (z + 5)
    coefficients = FLOAT32 if t.dtype == np.float32 else FLOAT64
    polynomial = t * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:  # Horner's rule
        polynomial += coefficient
        polynomial *= t
    tail = (polynomial + coefficients[0]) / (1 + z) * _power(z)
    # 1 - tail to the right of 0, the tail itself to the left: |[x > 0] - tail| is both.  NaN stays NaN.
    return np.asarray(np.abs((input > 0) - tail))


def _distance(input: Array) -> Array:
    """|x|, and ``FAR`` for what is further away."""
    return np.asarray(np.minimum(np.abs(input), FAR))


def _power(z: Array) -> Array:
    """exp(-z^2 / 2).

    s is z to an eighth, so its square is exact (s is below 41, and 8 s an integer below 2^9).  With r = z - s, exact
    too, z^2 / 2 = s^2 / 2 + r (z + s) / 2, where the second term is small, and its rounding error smaller still.
    """
    s = np.rint(z * 8) / 8
    half_square, rest = s * s / 2, (z - s) * (z + s) / 2
    exponent = half_square + rest
    lost = rest - (exponent - half_square)
    power = np.exp(-exponent)
    return np.asarray(power - power * lost)
