"""Attention with a module for each projection, against torch, also in its transformers."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nsm.chips.layers.attention import Attention
from tests.helpers.linear_factory import Named


@pytest.fixture
def without_fast_path():
    """Let torch compute what its layers say, without its fused encoder."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True)


@st.composite
def calls(draw):
    """Return a layer of torch with random options, and the arguments of a call."""
    heads, batched = draw(st.sampled_from([1, 2, 3])), draw(st.booleans())
    features = heads * 4
    same_features = draw(st.booleans())
    kdim, vdim = (features, features) if same_features else (5, 6)
    torch.manual_seed(draw(st.integers(0, 99)))
    layer = nn.MultiheadAttention(
        features,
        heads,
        kdim=kdim,
        vdim=vdim,
        bias=draw(st.booleans()),
        add_bias_kv=draw(st.booleans()),
        add_zero_attn=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.5])),
        dtype=torch.float64,
    ).eval()
    time, keys, batch = 4, draw(st.sampled_from([4, 5])), 3 if batched else 1
    inputs = [
        torch.randn(batch, n, f, dtype=torch.float64)
        for n, f in ((time, features), (keys, kdim), (keys, vdim))
    ]
    if not batched:
        inputs = [x[0] for x in inputs]
    elif not layer.batch_first:
        inputs = [x.transpose(0, 1) for x in inputs]
    options = {"need_weights": draw(st.booleans()), "average_attn_weights": draw(st.booleans())}
    boolean = draw(st.booleans())  # torch warns if the two masks are of different types

    def mask(*shape):
        return torch.rand(*shape) < 0.3 if boolean else torch.randn(*shape, dtype=torch.float64)

    form = draw(st.sampled_from([None, "shared", "by head", "causal"]))
    if form == "causal":
        options["attn_mask"] = torch.ones(time, keys, dtype=torch.bool).triu(1)
        options["is_causal"] = draw(st.booleans())
        boolean = True
    elif form is not None:
        options["attn_mask"] = mask(*([batch * heads] if form == "by head" else []), time, keys)
    if draw(st.booleans()):
        options["key_padding_mask"] = mask(*([batch] if batched else []), keys)
    return layer, inputs, options


@pytest.mark.usefixtures("without_fast_path")
@given(calls())
@settings(max_examples=200, deadline=None)
def test_attention_is_torchs_with_all_options(call):
    layer, inputs, options = call
    with torch.no_grad():
        (ours, weights), (out, attention) = (
            f(*inputs, **options) for f in (Attention(layer, Named), layer)
        )
    same(ours, out)
    assert (weights is None) == (attention is None)
    if attention is not None:
        same(weights, attention)


def test_projections_are_called_with_the_batch_first():
    ours = Attention(nn.MultiheadAttention(4, 2, kdim=5, vdim=6), Named)
    ours(torch.randn(3, 7, 4), torch.randn(2, 7, 5), torch.randn(2, 7, 6))
    assert {name: m.seen for name, m in ours.matrices.items()} == {
        "q": [(7, 3, 4)],
        "k": [(7, 2, 5)],
        "v": [(7, 2, 6)],
        "out": [(7, 3, 4)],
    }
    assert all(m.name == name for name, m in ours.matrices.items())


def test_dropout_of_weights_acts_in_training_only():
    layer = nn.MultiheadAttention(4, 2, dropout=1.0).double().train()
    x = torch.randn(5, 3, 4, dtype=torch.float64)
    ours = Attention(layer, Named)
    for need_weights in (True, False):
        same(ours(x, x, x, need_weights=need_weights), layer(x, x, x, need_weights=need_weights))
    same(ours.eval()(x, x, x), layer.eval()(x, x, x))


def replaced(model):
    """Return a copy of a model with every attention replaced."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MultiheadAttention):
                setattr(module, name, Attention(child, Named))
    return model


def encoder_layer(**options):
    """Return a small encoder layer of torch in float64."""
    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, dtype=torch.float64, **options).eval()


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_layers_never_take_the_fused_path_around_it(batch_first, norm_first):
    layer = encoder_layer(batch_first=batch_first, norm_first=norm_first)
    x = torch.randn(5, 3, 8, dtype=torch.float64)
    with torch.no_grad():
        same(replaced(layer)(x), layer(x))


@pytest.mark.usefixtures("without_fast_path")
@pytest.mark.parametrize("masks", ["none", "padding", "causal"])
def test_it_stands_in_an_encoder(masks):
    encoder = nn.TransformerEncoder(encoder_layer(batch_first=True), 2).eval()
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    options = {}
    if masks == "padding":
        options["src_key_padding_mask"] = torch.arange(5) >= torch.tensor([[5], [3], [2]])
    if masks == "causal":
        options["mask"] = nn.Transformer.generate_square_subsequent_mask(5, dtype=x.dtype)
    with torch.no_grad():
        same(replaced(encoder)(x, **options), encoder(x, **options))


@pytest.mark.usefixtures("without_fast_path")
def test_it_stands_in_a_decoder_and_in_a_transformer():
    torch.manual_seed(0)
    model = nn.Transformer(8, 2, 2, 2, 16, batch_first=True, dtype=torch.float64).eval()
    source, target = torch.randn(2, 3, 5, 8, dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    options = {"tgt_mask": mask, "tgt_is_causal": True}
    with torch.no_grad():
        same(replaced(model)(source, target, **options), model(source, target, **options))
        decoder = model.decoder
        same(replaced(decoder)(target, source), decoder(target, source))


def test_copies_and_pickles_compute_the_same():
    ours = Attention(nn.MultiheadAttention(4, 2, add_bias_kv=True), Named)
    x = torch.randn(5, 3, 4)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        torch.testing.assert_close(other(x, x, x), ours(x, x, x), rtol=0, atol=0)


def test_what_does_not_fit_is_refused():
    ours = Attention(nn.MultiheadAttention(4, 2, batch_first=True), Named)
    x = torch.zeros(3, 5, 4)
    with pytest.raises(ValueError, match=r"shapes \[\(3, 5, 4\), \(1, 5, 4\), \(3, 5, 4\)\]; give"):
        ours(x, x[:1], x)
    with pytest.raises(ValueError, match=r"key_padding_mask has the shape \(1, 5\); give \(3, 5\)"):
        ours(x, x, x, key_padding_mask=torch.zeros(1, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"attn_mask has the shape \(1, 5\); give \(5, 5\) or \(6"):
        ours(x, x, x, attn_mask=torch.zeros(1, 5))
    with pytest.raises(ValueError, match=r"is_causal = True is a hint about attn_mask"):
        ours(x, x, x, is_causal=True)
