"""Lines of a torch script that have no meaning here, and what to write instead.

Whoever brings a script meets these names as attributes that are not there.  The error then says what takes their place:
most lines can simply be left out, since NumPy computes on the processor and nothing is differentiated by itself.
"""

from collections.abc import Mapping

LEAVE_OUT = "NumPy computes on the processor: leave the line out"
NO_AUTOGRAD = "nothing is recorded for gradients here: leave the line out"

# Of a layer or a network.
MODULE = {
    "cuda": LEAVE_OUT,
    "xpu": LEAVE_OUT,
    "share_memory": LEAVE_OUT,
    "compile": "NumPy has nothing to compile: leave the line out",
    "half": "the formulas are proven in float32 and float64: write float() or double()",
    "bfloat16": "the formulas are proven in float32 and float64: write float() or double()",
    "type": "write float() or double(), or to(numpy.float64)",
    "register_parameter": "set the nn.Parameter as an attribute: self.name = parameter",
    "register_forward_hook": "call the layers one after another, and look at what each returns",
    "register_full_backward_hook": "call the layers' backward one after another, and look at what each returns",
}

# Of a parameter, which holds an array, and is none.
PARAMETER = {
    "detach": "write parameter.data, which is NumPy's array already",
    "numpy": "write parameter.data, which is NumPy's array already",
    "cpu": "write parameter.data, which is NumPy's array already",
    "tolist": "write parameter.data.tolist()",
    "clone": "write parameter.data.copy()",
    "item": "write parameter.data.item()",
    "cuda": LEAVE_OUT,
    "backward": "a gradient begins at the loss: write network.backward(criterion.backward())",
    **dict.fromkeys(("mean", "std", "sum", "min", "max", "abs", "norm"), "parameter.data is NumPy's array: ask that"),
    **dict.fromkeys(
        ("copy_", "fill_", "zero_", "normal_", "uniform_", "add_", "mul_", "sub_"),
        "write into NumPy's array: parameter.data[...] = numbers",
    ),
}

# Of ``nn``.
OWN_LAYER = "it is none of the formulas here; a layer of one's own derives from nn.Module, with forward and backward"
LAYERS = {
    **dict.fromkeys(
        ("Dropout1d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        "the ones here are nn.Dropout(p), of single numbers, and nn.Dropout2d(p), of whole channels",
    ),
    "InstanceNorm2d": "write nn.GroupNorm(channels, channels, affine=False): every channel is a group of its own",
    "BCELoss": "write nn.BCEWithLogitsLoss(), on the scores instead of their sigmoid",
    **dict.fromkeys(
        ("L1Loss", "KLDivLoss"), "the losses here are CrossEntropyLoss, NLLLoss, MSELoss and BCEWithLogitsLoss"
    ),
    "AdaptiveMaxPool2d": "write nn.MaxPool2d(kernel_size), where kernel_size is the image's height over that of the "
    "output: all of it for an output of 1",
    "functional": "the functions are those of reference: reference.relu for nn.functional.relu; each has its gradient "
    "beside it, reference.relu_backward",
    "init": "write into the array of a parameter: layer.weight.data[...] = numbers",
    "DataParallel": LEAVE_OUT,
    "ModuleDict": "write nn.Sequential(OrderedDict(...)), or set each layer as an attribute",
    "ParameterList": "set each nn.Parameter as an attribute",
    **dict.fromkeys(
        (
            "AvgPool1d", "BatchNorm3d", "Bilinear", "Conv1d", "Conv3d", "ConvTranspose1d", "ELU", "Embedding", "GRU",
            "Hardsigmoid", "Hardswish", "Hardtanh", "LazyConv2d", "LazyLinear", "LocalResponseNorm", "LSTM",
            "MaxPool1d", "Mish", "MultiheadAttention", "PixelShuffle", "PReLU", "ReLU6", "RMSNorm", "RNN", "Softmax2d",
            "Softplus", "TransformerEncoderLayer", "Unflatten", "Upsample",
        ),
        OWN_LAYER,
    ),
}  # fmt: skip

# Of ``nn.utils``.
NN_UTILS = {
    "clip_grad_value_": "gradients are arrays: parameter.grad.clip(-value, value, out=parameter.grad) clips them",
    "clip_grad_norm": "write clip_grad_norm_, as torch asks for too",
    "parameters_to_vector": "arrays are NumPy's: numpy.concatenate([p.data.ravel() for p in network.parameters()])",
}

# Of ``optim``, of ``lr_scheduler`` and of ``reference`` itself, where a script has ``torch``.
OPTIMIZERS = dict.fromkeys(
    ("Adadelta", "Adagrad", "Adamax", "LBFGS", "NAdam", "RAdam", "Rprop"),
    "the optimizers here are SGD, RMSprop, Adam and AdamW: write optim.Adam(params, lr=0.001)",
)
PACKAGE = {
    **dict.fromkeys(("no_grad", "inference_mode", "enable_grad", "set_grad_enabled"), NO_AUTOGRAD),
    **dict.fromkeys(("device", "cuda", "compile"), LEAVE_OUT),
    **dict.fromkeys(("tensor", "as_tensor"), "arrays are NumPy's: write numpy.array(numbers, numpy.float32)"),
    "from_numpy": "arrays are NumPy's: leave it out",
    "manual_seed": "write reference.nn.manual_seed(seed)",
    "save": "write numpy.savez(file, **network.state_dict())",
    "load": "write network.load_state_dict(numpy.load(file))",
    **dict.fromkeys(("argmax", "zeros", "ones", "randn", "stack", "cat"), "arrays are NumPy's: write it with numpy"),
}


def missing(owner: str, name: str, table: Mapping[str, str]) -> AttributeError:
    """The error for the attribute ``name`` that ``owner`` lacks, with what ``table`` says to write instead.

    >>> from reference.instead import MODULE, missing
    >>> print(missing("Linear", "cuda", MODULE))
    'Linear' has no 'cuda': NumPy computes on the processor: leave the line out
    """
    advice = f": {table[name]}" if name in table else ""
    return AttributeError(f"{owner!r} has no {name!r}{advice}", name=name)
