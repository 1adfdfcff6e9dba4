"""Recurrent layers whose matrices are modules of their own, such as layers on tiles.

A recurrent layer of torch computes its sums and its gates in one fused call. Here every matrix is
a module, and the gates are computed digitally, with the equations of torch's documentation of
`nn.RNN`, `nn.LSTM` (Hochreiter and Schmidhuber 1997; projections: Sak et al. 2014) and `nn.GRU`
(Cho et al. 2014).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

#: Makes the module of a matrix from its name, weights (outputs, inputs) and biases (outputs,).
LinearFactory = Callable[[str, Tensor, Tensor | None], nn.Module]
State = tuple[Tensor, ...]  # hidden state h (batch, features); an LSTM's cell state c is second


def _tanh_step(x: Tensor, u: Tensor, state: State) -> State:
    return (torch.tanh(x + u),)


def _relu_step(x: Tensor, u: Tensor, state: State) -> State:
    return (torch.relu(x + u),)


def _lstm_step(x: Tensor, u: Tensor, state: State) -> State:
    to_write, to_keep, content, to_show = (x + u).chunk(4, dim=-1)
    cell = to_keep.sigmoid() * state[1] + to_write.sigmoid() * content.tanh()
    return to_show.sigmoid() * cell.tanh(), cell


def _gru_step(x: Tensor, u: Tensor, state: State) -> State:
    (reset_x, keep_x, new_x), (reset_u, keep_u, new_u) = x.chunk(3, dim=-1), u.chunk(3, dim=-1)
    keep = (keep_x + keep_u).sigmoid()
    new = (new_x + (reset_x + reset_u).sigmoid() * new_u).tanh()
    return (new + keep * (state[0] - new),)


#: Next state from W_ih x + b_ih, W_hh h + b_hh and the state, by `nn.RNNBase.mode`.
_STEPS = {"RNN_TANH": _tanh_step, "RNN_RELU": _relu_step, "LSTM": _lstm_step, "GRU": _gru_step}
_CELLS = {nn.LSTMCell: "LSTM", nn.GRUCell: "GRU"}


def recurrent_of(module: nn.Module, linear: LinearFactory) -> nn.Module:
    """Return a module that computes what a recurrent layer computes, matrix by matrix.

    Args:
        module: `nn.RNN`, `nn.LSTM` or `nn.GRU`, or `nn.RNNCell`, `nn.LSTMCell` or `nn.GRUCell`.
        linear: Makes the module of each matrix; see `Recurrent` and `RecurrentCell`.

    Raises:
        ValueError: If the module is another one.
    """
    if isinstance(module, nn.RNNBase):
        return Recurrent(module, linear)
    if isinstance(module, nn.RNNCellBase):
        return RecurrentCell(module, linear)
    raise ValueError(
        f"module = {type(module).__name__} is not a recurrent layer; give an nn.RNN, nn.LSTM, "
        "nn.GRU or one of their cells"
    )


def _matrix(layer: nn.Module, name: str, linear: LinearFactory) -> nn.Module:
    bias = getattr(layer, name.replace("weight", "bias")) if layer.bias else None
    return linear(name, getattr(layer, name), bias)


class Recurrent(nn.Module):
    """What `nn.RNN`, `nn.LSTM` and `nn.GRU` compute, with a module for every matrix.

    All input projections of a layer are one call of its module with (batch, time, features); the
    recurrent matrix and the projection of an LSTM are called with (batch, features) in each step.
    Steps behind the end of a packed sequence are computed for all sequences and then discarded.

    Args:
        layer: The layer of torch. Its options and mode (`training`) are taken over.
        linear: Called as `linear(name, weight, bias)` with the names of the weights in torch,
            such as "weight_hh_l0_reverse"; returns a module that acts on the last axis.

    Attributes:
        matrices: The modules by name.
    """

    def __init__(self, layer: nn.RNNBase, linear: LinearFactory) -> None:
        super().__init__()
        self.training = layer.training
        self.mode = layer.mode
        # Models look at these options, for instance to make the initial state.
        self.input_size = layer.input_size
        self.hidden_size = layer.hidden_size
        self.num_layers = layer.num_layers
        self.bias = layer.bias
        self.batch_first = layer.batch_first
        self.dropout = layer.dropout
        self.bidirectional = layer.bidirectional
        self.proj_size = layer.proj_size
        self.nonlinearity = getattr(layer, "nonlinearity", None)
        self.matrices = nn.ModuleDict()
        for name, weight in layer.named_parameters():
            if name.startswith("weight_hr"):
                self.matrices[name] = linear(name, weight, None)
            elif name.startswith("weight"):
                self.matrices[name] = _matrix(layer, name, linear)

    def flatten_parameters(self) -> None:
        """Do nothing: models call this to prepare the memory that torch's own kernels read."""

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | State | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor | State]:
        """Return outputs and final states, in the shapes of `nn.RNN`, `nn.LSTM` or `nn.GRU`.

        Args:
            input: (time, batch, features), (batch, time, features) if `batch_first`, (time,
                features), or a packed sequence.
            hx: Initial states. Default: zeros.

        Raises:
            ValueError: If the shapes do not fit.
        """
        if isinstance(input, PackedSequence):
            x, lengths = pad_packed_sequence(input, batch_first=True)
            out, state = self._layers(x, self._initial(x, hx), lengths.to(x.device))
            return _packed_like(input, out, lengths), self._as_given(state)
        time = 1 if self.batch_first and input.ndim == 3 else 0
        if input.ndim not in (2, 3) or not input.shape[time]:
            raise ValueError(
                f"a recurrent layer got inputs of shape {tuple(input.shape)}; give "
                f"(time, {self.input_size}) with at least one step, or these with a batch"
            )
        if input.ndim == 2:
            one = None if hx is None else tuple(h.unsqueeze(1) for h in self._states(hx))
            out, state = self._layers(input[None], self._initial(input[None], one))
            return out[0], self._as_given(tuple(h.squeeze(1) for h in state))
        x = input if self.batch_first else input.transpose(0, 1)
        out, state = self._layers(x, self._initial(x, hx))
        return out if self.batch_first else out.transpose(0, 1), self._as_given(state)

    def _states(self, hx: Tensor | State) -> State:
        return (hx,) if isinstance(hx, Tensor) else tuple(hx)

    def _as_given(self, state: State) -> Tensor | State:
        return state if self.mode == "LSTM" else state[0]

    def _initial(self, x: Tensor, hx: Tensor | State | None) -> State:
        """Return the initial states (layers · directions, batch, features), checked."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        widths = [self.proj_size or self.hidden_size]
        if self.mode == "LSTM":
            widths.append(self.hidden_size)
        wanted = [(rows, len(x), width) for width in widths]
        if hx is None:
            return tuple(x.new_zeros(shape) for shape in wanted)
        states = self._states(hx)
        got = [tuple(h.shape) for h in states]
        if got != wanted:
            raise ValueError(f"hx has states of shapes {got}; give {wanted}")
        return states

    def _layers(self, x: Tensor, hx: State, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Return outputs (batch, time, features) of the last layer and the final states."""
        final: list[State] = []
        suffixes = ["", "_reverse"] if self.bidirectional else [""]
        for number in range(self.num_layers):
            if number and self.dropout:
                x = nn.functional.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in suffixes:
                state = tuple(h[len(final)] for h in hx)
                out, state = self._direction(x, f"_l{number}{suffix}", state, lengths)
                outputs.append(out)
                final.append(state)
            x = torch.cat(outputs, dim=-1)
        return x, tuple(torch.stack(states) for states in zip(*final, strict=True))

    def _direction(
        self, x: Tensor, suffix: str, state: State, lengths: Tensor | None
    ) -> tuple[Tensor, State]:
        """Return outputs (batch, time, features) and the final state of a layer and direction."""
        step = _STEPS[self.mode]
        of_inputs = self.matrices["weight_ih" + suffix](x)
        recurrent = self.matrices["weight_hh" + suffix]
        outputs = [x] * x.shape[1]
        times = range(x.shape[1])
        for t in reversed(times) if suffix.endswith("_reverse") else times:
            new = step(of_inputs[:, t], recurrent(state[0]), state)
            if self.proj_size:
                new = (self.matrices["weight_hr" + suffix](new[0]), *new[1:])
            if lengths is None:
                state = new
            else:  # a sequence that has ended, or not yet begun from behind, keeps its state
                runs = (lengths > t)[:, None]
                state = tuple(torch.where(runs, a, b) for a, b in zip(new, state, strict=True))
            outputs[t] = state[0]
        return torch.stack(outputs, dim=1), state


def _packed_like(packed: PackedSequence, out: Tensor, lengths: Tensor) -> PackedSequence:
    """Return outputs (batch, time, features) packed in the order of the inputs."""
    order = packed.sorted_indices
    if order is not None:
        out = out.index_select(0, order)
        lengths = lengths[order.to(lengths.device)]
    data = pack_padded_sequence(out, lengths, batch_first=True).data
    return PackedSequence(data, packed.batch_sizes, order, packed.unsorted_indices)


class RecurrentCell(nn.Module):
    """What `nn.RNNCell`, `nn.LSTMCell` and `nn.GRUCell` compute, with a module for every matrix.

    Args:
        cell: The cell of torch.
        linear: Called as `linear(name, weight, bias)` with the names "weight_ih" and "weight_hh";
            returns a module that acts on (batch, features).

    Attributes:
        matrices: The two modules by name.
    """

    def __init__(self, cell: nn.RNNCellBase, linear: LinearFactory) -> None:
        super().__init__()
        self.training = cell.training
        self.input_size = cell.input_size
        self.hidden_size = cell.hidden_size
        self.bias = cell.bias
        if isinstance(cell, nn.RNNCell):
            self.nonlinearity = cell.nonlinearity
            self.mode = f"RNN_{cell.nonlinearity.upper()}"
        else:
            self.mode = next(mode for known, mode in _CELLS.items() if isinstance(cell, known))
        self.matrices = nn.ModuleDict(
            {name: _matrix(cell, name, linear) for name in ("weight_ih", "weight_hh")}
        )

    def forward(self, input: Tensor, hx: Tensor | State | None = None) -> Tensor | State:
        """Return the next state; for an LSTM the hidden and the cell state.

        Args:
            input: (batch, features) or (features,).
            hx: State of the same form. Default: zeros.

        Raises:
            ValueError: If the shapes do not fit.
        """
        if input.ndim not in (1, 2):
            raise ValueError(
                f"a recurrent cell got inputs of shape {tuple(input.shape)}; give "
                f"(batch, {self.input_size}) or ({self.input_size},)"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        wanted = [shape] * (2 if self.mode == "LSTM" else 1)
        if hx is None:
            hx = tuple(input.new_zeros(shape) for _ in wanted)
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        got = [tuple(h.shape) for h in state]
        if got != wanted:
            raise ValueError(f"hx has states of shapes {got}; give {wanted}")
        if input.ndim == 1:
            input, state = input[None], tuple(h[None] for h in state)
        of_input, of_state = self.matrices["weight_ih"](input), self.matrices["weight_hh"](state[0])
        state = _STEPS[self.mode](of_input, of_state, state)
        if len(shape) == 1:
            state = tuple(h[0] for h in state)
        return state if self.mode == "LSTM" else state[0]
