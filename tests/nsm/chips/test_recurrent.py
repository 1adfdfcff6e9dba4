"""Recurrent layers with a module for every matrix, against torch's fused layers."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from nsm.chips.layers.recurrent import recurrent_of
from tests.helpers.linear_factory import Named

INPUTS, FEATURES = 3, 4


def same(ours, theirs):
    """Assert that results of recurrent layers are alike to 1e-12."""
    if isinstance(theirs, PackedSequence):
        assert isinstance(ours, PackedSequence)
        for a, b in zip(ours[1:], theirs[1:], strict=True):
            assert a is b or torch.equal(a, b)
        ours, theirs = ours.data, theirs.data
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def doubled(layer):
    """Return a layer in float64, in the state of evaluation, with a fixed seed."""
    return layer.double().eval()


@st.composite
def layers(draw):
    """Return a recurrent layer with random options."""
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if options["num_layers"] > 1:
        options["dropout"] = draw(st.sampled_from([0.0, 0.5]))
    torch.manual_seed(draw(st.integers(0, 99)))
    kind = draw(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]))
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind is nn.LSTM:
        options["proj_size"] = draw(st.sampled_from([0, 2]))
    return doubled(kind(INPUTS, FEATURES, **options))


def initial(layer, *batch):
    """Return random initial states of a layer."""
    rows = layer.num_layers * (1 + layer.bidirectional)
    h = torch.randn(rows, *batch, layer.proj_size or FEATURES, dtype=torch.float64)
    c = torch.randn(rows, *batch, FEATURES, dtype=torch.float64)
    return (h, c) if isinstance(layer, nn.LSTM) else h


@given(
    layer=layers(),
    form=st.sampled_from(["batch", "one", "packed", "packed unsorted"]),
    with_state=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_layer_computes_what_torch_does(layer, form, with_state):
    lengths = {"packed": (5, 3, 3, 1), "packed unsorted": (3, 5, 1, 3)}
    if form in lengths:
        sequences = [torch.randn(n, INPUTS, dtype=torch.float64) for n in lengths[form]]
        x = pack_sequence(sequences, enforce_sorted=form == "packed")
    else:
        x = torch.randn(*([4] if form == "batch" else []), 5, INPUTS, dtype=torch.float64)
    if form == "batch" and not layer.batch_first:
        x = x.transpose(0, 1)
    state = initial(layer, *([] if form == "one" else [4])) if with_state else None
    with torch.no_grad():
        same(recurrent_of(layer, Named)(x, state), layer(x, state))


def test_matrices_are_called_with_the_batch_first():
    layer = doubled(nn.LSTM(INPUTS, FEATURES, proj_size=2, bidirectional=True))
    ours = recurrent_of(layer, Named)
    ours(torch.randn(5, 7, INPUTS, dtype=torch.float64))
    assert sorted(ours.matrices) == sorted(n for n, _ in layer.named_parameters() if "weight" in n)
    assert all(name == matrix.name for name, matrix in ours.matrices.items())
    assert ours.matrices["weight_ih_l0"].seen == [(7, 5, INPUTS)]
    assert ours.matrices["weight_hh_l0_reverse"].seen == 5 * [(7, 2)]
    assert ours.matrices["weight_hr_l0"].seen == 5 * [(7, FEATURES)]


def test_options_that_models_look_at_are_those_of_the_layer():
    layer = nn.GRU(INPUTS, FEATURES, num_layers=2, batch_first=True, bidirectional=True)
    ours = recurrent_of(layer, Named)
    ours.flatten_parameters()
    for name in ("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first"):
        assert getattr(ours, name) == getattr(layer, name)
    for name in ("dropout", "bidirectional", "proj_size", "training"):
        assert getattr(ours, name) == getattr(layer, name)


def test_dropout_between_layers_acts_in_training_only():
    layer = nn.GRU(INPUTS, FEATURES, num_layers=2, dropout=1.0).double().train()
    x = torch.randn(5, 4, INPUTS, dtype=torch.float64)
    ours = recurrent_of(layer, Named)
    same(ours(x), layer(x))
    assert not torch.allclose(ours(x)[0], ours.eval()(x)[0])
    same(ours(x), layer.eval()(x))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (4,)])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.RNNCell, {}),
        (nn.RNNCell, {"nonlinearity": "relu"}),
        (nn.LSTMCell, {}),
        (nn.GRUCell, {}),
    ],
)
def test_a_cell_computes_what_torch_does(kind, options, with_state, batch, bias):
    cell = doubled(kind(INPUTS, FEATURES, bias=bias, **options))
    x = torch.randn(*batch, INPUTS, dtype=torch.float64)
    h, c = torch.randn(2, *batch, FEATURES, dtype=torch.float64)
    state = None if not with_state else (h, c) if kind is nn.LSTMCell else h
    ours = recurrent_of(cell, Named)
    with torch.no_grad():
        same(ours(x, state), cell(x, state))
    assert ours.matrices["weight_hh"].seen == [(*(batch or (1,)), FEATURES)]
    assert (ours.input_size, ours.hidden_size, ours.bias) == (INPUTS, FEATURES, bias)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_layer_keeps_the_type_of_its_inputs(dtype):
    layer = nn.LSTM(INPUTS, FEATURES).to(dtype).eval()
    x = torch.randn(5, 4, INPUTS, dtype=dtype)
    with torch.no_grad():
        ours, theirs = recurrent_of(layer, Named)(x)[0], layer(x)[0]
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs, rtol=0, atol=10 * torch.finfo(dtype).eps)


def test_copies_and_pickles_compute_the_same():
    ours = recurrent_of(doubled(nn.LSTM(INPUTS, FEATURES)), Named)
    x = torch.randn(5, 4, INPUTS, dtype=torch.float64)
    same(copy.deepcopy(ours)(x), ours(x))
    same(pickle.loads(pickle.dumps(ours))(x), ours(x))


def test_no_sequences_have_no_outputs():
    layer = doubled(nn.LSTM(INPUTS, FEATURES, batch_first=True))
    x = torch.zeros(0, 5, INPUTS, dtype=torch.float64)
    same(recurrent_of(layer, Named)(x), layer(x))


def test_what_does_not_fit_is_refused():
    lstm = recurrent_of(nn.LSTM(INPUTS, FEATURES), Named)
    cell = recurrent_of(nn.GRUCell(INPUTS, FEATURES), Named)
    with pytest.raises(ValueError, match=r"module = Linear is not a recurrent layer"):
        recurrent_of(nn.Linear(2, 3), Named)
    with pytest.raises(ValueError, match=r"inputs of shape \(2, 5, 4, 3\); give \(time, 3\)"):
        lstm(torch.zeros(2, 5, 4, INPUTS))
    with pytest.raises(ValueError, match=r"inputs of shape \(0, 4, 3\)"):
        lstm(torch.zeros(0, 4, INPUTS))
    # A state for one sequence would be broadcast over the batch without a word.
    one = torch.zeros(1, 1, FEATURES)
    with pytest.raises(ValueError, match=r"shapes \[\(1, 1, 4\), \(1, 1, 4\)\]; give \[\(1, 2, 4"):
        lstm(torch.zeros(5, 2, INPUTS), (one, one))
    with pytest.raises(ValueError, match=r"inputs of shape \(1, 1, 3\); give \(batch, 3\)"):
        cell(torch.zeros(1, 1, INPUTS))
    with pytest.raises(ValueError, match=r"shapes \[\(1, 4\)\]; give \[\(2, 4\)\]"):
        cell(torch.zeros(2, INPUTS), torch.zeros(1, FEATURES))
