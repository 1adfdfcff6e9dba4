"""Any network in a file: what is loaded computes what was saved, or saving names the layer."""

import inspect
import json
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import nsm
from nsm.chips.structures import leaves
from nsm.nn.files.blueprint import describe
from nsm.nn.files.build import build
from nsm.nn.files.tensor_file import read_tensors
from tests.helpers.user_networks import CLASSES, NETWORKS, Drawn, Net, Residual, Widths, inputs
from tests.helpers.zoo import ZOO


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.safetensors"


#: Models of the zoo that were changed after they were built, and why no file keeps them.
NOT_KEPT = {
    **dict.fromkeys(("weight_norm", "spectral_norm", "orthogonal"), "weights are parametrized"),
    **dict.fromkeys(("weight_norm_hook", "pruned"), "forward pre-hooks .* keeps the weights"),
    "forward_hook": "it has forward hooks",
}


def changed(model):
    """The network with other weights than a new one has."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.rand_like(parameter))
    return model


def same_output(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return all(same_output(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_of_any_class_computes_the_same_after_loading(kind, path):
    make, shape = NETWORKS[kind]
    model, x = changed(make()).eval(), inputs(shape)
    nsm.save(model, path)
    loaded = nsm.load(path, classes=CLASSES)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert same_output(loaded(x), model(x))
    state, found = model.state_dict(), loaded.state_dict()
    assert list(state) == list(found)
    assert all(torch.equal(state[name], found[name]) for name in state)


ATTENTION = (8, 2, 16)
#: Layers of torch with other options than the default.
LAYERS = [
    lambda: nn.Conv1d(2, 4, 3, padding="same", dilation=2, groups=2, padding_mode="circular"),
    lambda: nn.ConvTranspose2d(2, 3, (3, 2), stride=2, output_padding=1, bias=False),
    lambda: nn.GRU(3, 4, batch_first=True, bias=False),
    lambda: nn.RNN(3, 4, nonlinearity="relu"),
    lambda: nn.LSTMCell(3, 4),
    lambda: nn.MultiheadAttention(8, 2, dropout=0.1, bias=False, add_bias_kv=True, kdim=4),
    lambda: nn.TransformerEncoderLayer(*ATTENTION, activation="gelu", norm_first=True),
    lambda: nn.TransformerEncoderLayer(*ATTENTION, activation=torch.tanh, bias=False),
    lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(*ATTENTION, batch_first=True), 3),
    lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(*ATTENTION), 2),
    lambda: nn.Transformer(8, 2, 2, 2, 16, batch_first=True),
    lambda: nn.Embedding(5, 4, padding_idx=1, max_norm=2.0),
    lambda: nn.Bilinear(2, 3, 4, bias=False),
    lambda: nn.LayerNorm((2, 3), elementwise_affine=False),
    lambda: nn.BatchNorm2d(3, momentum=None, track_running_stats=False),
    lambda: nn.InstanceNorm1d(3, affine=True),
    lambda: nn.PReLU(3),
    lambda: nn.ReLU6(),
    lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True, return_indices=True),
    lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    lambda: nn.CrossEntropyLoss(weight=torch.rand(3), label_smoothing=0.1),
    lambda: nn.AdaptiveLogSoftmaxWithLoss(64, 20, [5, 10], head_bias=True),
    lambda: nn.ParameterList([nn.Parameter(torch.rand(2))]),
    lambda: nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Tanh()}),
]


@pytest.mark.parametrize("make", LAYERS, ids=lambda make: make.__code__.co_names[1])
def test_the_options_of_torch_layers_are_kept(make, path):
    model = nn.Sequential(nn.Identity(), make())
    nsm.save(model, path)
    loaded = nsm.load(path)
    assert repr(loaded) == repr(model)
    assert describe(loaded) == describe(model)
    for (name, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def classes_of(model):
    """The classes of a network that are not torch's."""
    return {type(m) for m in model.modules() if not type(m).__module__.startswith("torch.")}


@pytest.mark.parametrize("name", ZOO)
def test_every_model_of_the_zoo_is_kept_or_refused_with_a_reason(name, path):
    model, given = ZOO[name]()
    if name in NOT_KEPT:
        with pytest.raises(ValueError, match=NOT_KEPT[name]):
            nsm.save(model, path)
        return
    nsm.save(model, path)
    loaded = nsm.load(path, classes=classes_of(model), dtype=None)
    with torch.no_grad():
        outputs = []
        for network in (model, loaded):
            torch.manual_seed(0)  # dropout that is kept on
            outputs.append(leaves(network(*given)))
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


def hooked():
    net = nn.Sequential(nn.Linear(3, 3))
    net[0].register_forward_hook(lambda module, given, out: 2 * out)
    return net


def hooked_before():
    net = nn.Sequential(nn.ReLU())
    net[0].register_forward_pre_hook(lambda module, given: (-given[0],))
    return net


def patched():
    net = nn.Sequential(nn.Linear(3, 3))
    net[0].forward = lambda x: x
    return net


def pruned():
    net = nn.Sequential(nn.Linear(3, 3))
    prune.l1_unstructured(net[0], "weight", 0.5)
    return net


def parametrized():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)))


def local():
    class Local(nn.Module):
        """No other program can import it."""

    return nn.Sequential(Local())


def opaque():
    net = Residual(nn.Linear(3, 3))
    net.draws = torch.Generator()
    return nn.Sequential(net)


def holding_layers_in_a_list():
    net = Residual(nn.Linear(3, 3))
    net.others = [nn.Linear(3, 3)]
    return nn.Sequential(net)


class Extended(nn.Module):
    """A class that keeps an argument only in what it makes of it."""

    def __init__(self, width, extended=None):
        super().__init__()
        self.width = width
        self.first = nn.Linear(width, width)
        self.more = nn.Linear(width, width) if extended else None


REFUSED = {
    "argument": (
        lambda: nn.Sequential(Extended(2, True)),
        r"layer 0 \(Extended\): its more would be .*attributes do not tell .* extended; keep",
    ),
    "compiled": (
        lambda: nn.Sequential(torch.compile(nn.Linear(2, 2))),
        r"layer 0 \(OptimizedModule\): it is compiled; give what was compiled",
    ),
    "TorchScript": (
        lambda: nn.Sequential(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))),
        "layer 0 .*it is a TorchScript module",
    ),
    "traced": (
        lambda: torch.fx.symbolic_trace(nn.Sequential(nn.ReLU())),
        "GraphModuleImpl, which no other program can import",
    ),
    "hook": (hooked, r"layer 0 \(Linear\): it has forward hooks \(<lambda>\)"),
    "pre-hook": (hooked_before, r"layer 0 \(ReLU\): it has forward pre-hooks"),
    "patched": (patched, r"layer 0 \(Linear\): its forward was changed"),
    "pruned": (pruned, r"\(L1Unstructured\).*prune.remove\(layer, 'weight'\)"),
    "parametrized": (parametrized, "layer 0 .*remove_parametrizations"),
    "local": (local, "Local, which no other program can import"),
    "drawn": (lambda: nn.Sequential(Drawn()), r"attribute mask is a tensor.*register_buffer"),
    "opaque": (opaque, r"layer 0 \(Residual\): .*Generator"),
    "hidden layers": (holding_layers_in_a_list, r"layer 0 \(Residual\): .*others"),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_become_another_network_is_refused(kind, path):
    make, message = REFUSED[kind]
    with pytest.raises(ValueError, match=f"cannot save .*{message}") as caught:
        nsm.save(make(), path)
    assert "nsm.save_weights(model, path)" in str(caught.value)
    assert not path.exists()


def test_a_layer_without_a_shape_is_refused(path):
    with pytest.raises(ValueError, match="0.weight: it has no shape yet; run one forward pass"):
        nsm.save(nn.Sequential(nn.LazyLinear(3)), path)


def test_only_given_classes_are_built(path):
    nsm.save(nn.Sequential(Residual(Widths(3, 3))), path)
    named = r"tests\.helpers\.user_networks\."
    with pytest.raises(
        ValueError, match=rf"{named}Residual, {named}Widths, .*classes=\[Residual, Widths\]\)"
    ):
        nsm.load(path)
    with pytest.raises(ValueError, match=rf"a network of {named}Widths, and code is imported only"):
        nsm.load(path, classes=[Residual])
    assert isinstance(nsm.load(path, classes=[Widths, Residual])[0], Residual)


@pytest.mark.parametrize(
    "name", ["os.system", "torch.load", "torch.nn.init", "torch.nn.Parameter", "nsm.cli.main.main"]
)
def test_a_file_cannot_name_other_things(name):
    with pytest.raises(ValueError, match="not among the known classes"):
        build({"class": name})
    argument = {"class": "torch.nn.Softmax", "arguments": {"dim": {"function": name}}}
    with pytest.raises(ValueError, match="not among the known classes"):
        build(argument)


def test_wrong_options_are_refused(path):
    model = nn.Sequential(Residual(nn.Linear(3, 3)))
    for dtype in (torch.int8, "float16"):
        with pytest.raises(ValueError, match=r"dtype = .*(int8|float16).* is no precision"):
            nsm.save(model, path, dtype=dtype)
    nsm.save(model, path)
    with pytest.raises(ValueError, match="dtype = torch.int64 is no precision"):
        nsm.load(path, classes=[Residual], dtype=torch.int64)
    with pytest.raises(ValueError, match="classes = <class .*Residual'> is not a list"):
        nsm.load(path, classes=Residual)
    with pytest.raises(ValueError, match="classes holds 'Residual'; give classes and functions"):
        nsm.load(path, classes=["Residual"])
    with pytest.raises(ValueError, match="0.body.weight: it is on the meta device"):
        nsm.save(model.to("meta"), path)


def test_a_class_of_another_version_is_named():
    old = {"class": "torch.nn.Softmax", "arguments": {"axis": 1}}
    with pytest.raises(ValueError, match="layer 0 cannot be built as torch.nn.Softmax .*axis.*ver"):
        build({"class": "torch.nn.Sequential", "children": {"0": old}})


def test_a_shared_layer_stays_one_and_tied_weights_stay_tied(path):
    nsm.save(NETWORKS["shared layer"][0](), path)
    loaded = nsm.load(path)
    assert loaded[0] is loaded[2]
    tensors, metadata = read_tensors(path, ("nsm-crossbar 2",))
    assert list(tensors) == ["0.bias", "0.weight"]
    assert json.loads(metadata["extras"])["tied"] == {"2.weight": "0.weight", "2.bias": "0.bias"}
    nsm.save(NETWORKS["tied"][0](), path)
    loaded = nsm.load(path)
    assert loaded[0].weight is loaded[2].weight
    assert loaded[0].bias is not loaded[2].bias


def test_views_of_one_memory_are_stored_each(path):
    memory = torch.rand(4, 3)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3))
    model[0].weight = nn.Parameter(memory[:2])
    model[1].weight = nn.Parameter(memory[1:3].T)
    nsm.save(model, path)
    loaded = nsm.load(path)
    assert torch.equal(loaded[0].weight, memory[:2])
    assert torch.equal(loaded[1].weight, memory[1:3].T)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_stored_precision_is_kept_on_demand(dtype, path):
    model = Net(3).to(dtype)
    nsm.save(model, path)
    assert next(nsm.load(path, classes=CLASSES).parameters()).dtype == torch.float32
    loaded = nsm.load(path, classes=CLASSES, dtype=None)
    for (name, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert a.dtype == b.dtype, name
        assert torch.equal(a, b), name
    x = torch.rand(2, 3, dtype=dtype)
    assert torch.equal(model.eval()(x), loaded(x))


def test_numbers_beyond_a_precision_are_refused_when_saving(path):
    model = nn.Sequential(nn.Linear(2, 2))
    nn.init.constant_(model[0].weight, 1e5)
    with pytest.raises(ValueError, match=r"0.weight holds numbers up to 1e\+05, which torch.float"):
        nsm.save(model, path, dtype=torch.float16)
    nsm.save(model, path, dtype=torch.bfloat16)
    nn.init.constant_(model[0].bias, torch.nan)
    with pytest.raises(ValueError, match=r"the network holds NaN or infinite weights, in 0.bias"):
        nsm.save(model, path)


def test_numbers_beyond_float32_are_refused_when_loading(path):
    model = nn.Sequential(nn.Linear(2, 2)).double()
    nn.init.constant_(model[0].weight, 1e60)
    nsm.save(model, path)
    with pytest.raises(ValueError, match=r"0.weight of .* up to 1e\+60.*nsm.load\(.*dtype=None"):
        nsm.load(path)
    assert torch.equal(nsm.load(path, dtype=None)[0].weight, model[0].weight)


def test_dropout_that_stays_on_and_frozen_weights_are_kept(path):
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 2)).eval()
    model[1].train()  # Monte-Carlo dropout
    model[0].weight.requires_grad_(False)
    nsm.save(model, path)
    loaded = nsm.load(path)
    assert [m.training for m in loaded.modules()] == [False, False, True, False]
    assert [p.requires_grad for p in loaded.parameters()] == [False, True, True, True]


def test_saving_and_loading_draw_nothing_from_the_stream_of_torch(path):
    state = torch.get_rng_state()
    model = Widths(3, 4)
    after = torch.get_rng_state()
    assert not torch.equal(state, after)
    nsm.save(model, path)
    nsm.load(path, classes=CLASSES)
    assert torch.equal(torch.get_rng_state(), after)


def test_functions_with_arguments_are_kept(path):
    model = Net(3, act=partial(nn.functional.leaky_relu, negative_slope=0.3)).eval()
    nsm.save(model, path)
    x = torch.randn(4, 3)
    assert torch.equal(nsm.load(path, classes=CLASSES)(x), model(x))


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3),
        nn.InstanceNorm2d(3),
        nn.InstanceNorm2d(3, affine=True),
        nn.GroupNorm(1, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_arguments_that_older_torch_lacks_are_left_out_where_they_change_nothing(layer):
    assert "bias" not in describe(layer)["arguments"]


@pytest.mark.skipif(
    "bias" not in inspect.signature(nn.BatchNorm2d).parameters, reason="torch before 2.13"
)
def test_a_normalization_without_bias_stays_one(path):
    nsm.save(nn.Sequential(nn.BatchNorm2d(3, bias=False)), path)
    assert nsm.load(path)[0].bias is None
