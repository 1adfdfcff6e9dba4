"""Multi-head attention whose four projections are modules of their own, such as layers on tiles."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from nsm.chips.layers.recurrent import LinearFactory


class Attention(nn.Module):
    """What `nn.MultiheadAttention` computes, with a module for each projection.

    Queries, keys and values are projected, softmax(q kᵀ / √d + mask) v is computed digitally for
    every head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1), and the heads are projected to the
    output. The module can stand in the layers of `nn.Transformer`: it has the attributes that they
    read. As it holds no `in_proj_bias`, encoder layers never take torch's fused path around it.

    Args:
        layer: The layer of torch. Its options and mode (`training`) are taken over.
        linear: Called as `linear(name, weight, bias)` with the names "q", "k", "v" and "out";
            returns a module that acts on (batch, time, features).

    Attributes:
        matrices: The modules by name.
        bias_k: Key that is added to every sequence, (1, 1, features); None without `add_bias_kv`.
        bias_v: The value that belongs to that key, (1, 1, features); None without it.
    """

    in_proj_weight = None
    in_proj_bias = None

    def __init__(self, layer: nn.MultiheadAttention, linear: LinearFactory) -> None:
        super().__init__()
        self.training = layer.training
        self.embed_dim = layer.embed_dim
        self.kdim = layer.kdim
        self.vdim = layer.vdim
        self.num_heads = layer.num_heads
        self.head_dim = layer.head_dim
        self.dropout = layer.dropout
        self.batch_first = layer.batch_first
        self.add_zero_attn = layer.add_zero_attn
        self.bias_k = copy.deepcopy(layer.bias_k)
        self.bias_v = copy.deepcopy(layer.bias_v)
        self._qkv_same_embed_dim = layer._qkv_same_embed_dim
        weights = (
            layer.in_proj_weight.chunk(3)
            if layer._qkv_same_embed_dim
            else (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
        )
        in_bias = layer.in_proj_bias
        biases = (None, None, None) if in_bias is None else in_bias.chunk(3)
        self.matrices = nn.ModuleDict(
            {
                name: linear(name, weight, bias)
                for name, weight, bias in zip("qkv", weights, biases, strict=True)
            }
        )
        self.matrices["out"] = linear("out", layer.out_proj.weight, layer.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return outputs and attention weights; the arguments are those of torch's layer.

        Args:
            query: (time, batch, features), (batch, time, features) if `batch_first`, or (time,
                features); likewise `key` and `value`.
            key: Keys, with `kdim` features.
            value: Values, with `vdim` features.
            key_padding_mask: Keys to leave out (truth values), or numbers added before the softmax,
                (batch, time of keys).
            need_weights: Whether the attention weights are returned; else None.
            attn_mask: The same for every query and key: (time, time of keys), or
                (batch · heads, time, time of keys).
            average_attn_weights: Whether the weights are averaged over heads.
            is_causal: Hint that `attn_mask` is the causal mask, as in torch.

        Raises:
            ValueError: If the shapes do not fit, or if `is_causal` comes without a mask.
        """
        batched = query.ndim == 3
        if not batched:
            query, key, value = query[None], key[None], value[None]
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        _check(self, [query, key, value], key_padding_mask, attn_mask)
        if is_causal and attn_mask is None:
            raise ValueError("is_causal = True is a hint about attn_mask; give attn_mask, too")
        # Torch takes the hint instead of the mask only where it computes no weights.
        by_hint = is_causal and key_padding_mask is None and not need_weights
        mask = None if by_hint else self._mask(query, key_padding_mask, attn_mask)
        q, k, v = (self.matrices[n](x) for n, x in zip("qkv", (query, key, value), strict=True))
        heads, weights = self._attend(q, *self._longer(k, v), mask, need_weights, by_hint)
        out = self.matrices["out"](heads.transpose(1, 2).flatten(2))
        if weights is not None and average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            return out[0], None if weights is None else weights[0]
        return out if self.batch_first else out.transpose(0, 1), weights

    def _mask(self, q: Tensor, padding: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """Return what is added before the softmax, (batch or 1, heads or 1, time or 1, keys)."""
        added = None
        if mask is not None:
            by_head = mask.ndim == 3
            added = _as_numbers(mask, q)
            added = added.unflatten(0, (-1, self.num_heads)) if by_head else added[None, None]
        if padding is not None:
            of_keys = _as_numbers(padding, q)[:, None, None]
            added = of_keys if added is None else added + of_keys
        # Keys that the layer adds itself are never masked.
        more = (self.bias_k is not None) + self.add_zero_attn
        return None if added is None else functional.pad(added, (0, more))

    def _longer(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values with those that the layer adds to every sequence."""
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(len(k), 1, -1)], dim=1)
            v = torch.cat([v, self.bias_v.expand(len(v), 1, -1)], dim=1)
        if self.add_zero_attn:
            k, v = functional.pad(k, (0, 0, 0, 1)), functional.pad(v, (0, 0, 0, 1))
        return k, v

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, need_weights: bool, causal: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return what each head reads (batch, heads, time, features), and its weights."""
        by_head = (x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in (q, k, v))
        q, k, v = by_head
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            heads = functional.scaled_dot_product_attention(q, k, v, mask, dropout, causal)
            return heads, None
        scores = q * self.head_dim**-0.5 @ k.transpose(-2, -1)
        weights = (scores if mask is None else scores + mask).softmax(dim=-1)
        weights = functional.dropout(weights, dropout, training=dropout > 0)
        return weights @ v, weights


def _as_numbers(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as numbers to add: −∞ where truth values leave a key out."""
    if mask.dtype != torch.bool:
        return mask
    zeros = torch.zeros(mask.shape, dtype=like.dtype, device=mask.device)
    return zeros.masked_fill(mask, float("-inf"))


def _check(
    layer: Attention, inputs: list[Tensor], padding: Tensor | None, mask: Tensor | None
) -> None:
    """Raise ValueError for shapes, batch first, that do not fit together."""
    batch, time = inputs[0].shape[:2]
    got = [tuple(x.shape) for x in inputs]
    keys = inputs[1].shape[1]
    features = (layer.embed_dim, layer.kdim, layer.vdim)
    wanted = [(batch, n, f) for n, f in zip((time, keys, keys), features, strict=True)]
    if got != wanted:
        raise ValueError(f"query, key and value have the shapes {got}; give {wanted}")
    if padding is not None and padding.shape != (batch, keys):
        raise ValueError(
            f"key_padding_mask has the shape {tuple(padding.shape)}; give {(batch, keys)}"
        )
    allowed = [(time, keys), (batch * layer.num_heads, time, keys)]
    if mask is not None and tuple(mask.shape) not in allowed:
        raise ValueError(
            f"attn_mask has the shape {tuple(mask.shape)}; give {allowed[0]} or {allowed[1]}"
        )
