"""Every rule, at every setting that it accepts, against reverse mode, one number of the data at a time."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from geodreg.derivatives.calling import differentiable
from geodreg.derivatives.forward_mode import NoRuleError, values_and_tangents
from geodreg.derivatives.rules.activations import DERIVATIVES
from geodreg.derivatives.rungs import tangents_by_rows
from tests.generators import latents

Layer = Callable[[Tensor], Tensor]
D = 3


def changed(change: Callable[[Tensor], object]) -> Layer:
    """A layer that changes something in place by a statement whose value nobody uses."""

    def layer(h: Tensor) -> Tensor:
        x = h.sin()
        change(x)
        return x

    return layer


def view_changed(h: Tensor) -> Tensor:
    view = h.sin().unflatten(1, (2, 4))
    view.mul_(2.0).tanh_()
    return view


def view_of_what_is_changed(h: Tensor) -> Tensor:
    x = h.sin()
    view = x.view(-1, 2, 4)
    x.clamp_(-0.3, 0.4)
    return view


ACTIVATIONS: dict[str, nn.Module] = {
    repr(layer): layer
    for layer in [
        *(nn.ReLU(), nn.ReLU(inplace=True), nn.LeakyReLU(), nn.LeakyReLU(0.2, inplace=True), nn.LeakyReLU(-0.3)),
        *(nn.PReLU(), nn.PReLU(8, init=0.1), nn.ELU(), nn.ELU(0.7), nn.ELU(1.3, inplace=True), nn.SELU(), nn.CELU(0.5)),
        *(nn.Softplus(), nn.Softplus(2.0), nn.Softplus(20.0), nn.Softplus(threshold=1.0), nn.GELU(), nn.GELU("tanh")),
        *(nn.Tanh(), nn.Sigmoid(), nn.SiLU(), nn.SiLU(inplace=True), nn.Mish(), nn.Softsign(), nn.LogSigmoid()),
        *(nn.ReLU6(), nn.Hardtanh(), nn.Hardtanh(-0.5, 0.25), nn.GLU(1), nn.Softmax(1), nn.LogSoftmax(-1)),
    ]
}

POINTWISE: dict[str, Layer] = {
    "exp": torch.exp,
    "log": lambda h: (h.square() + 0.5).log(),
    "sqrt": lambda h: (h.square() + 0.5).sqrt(),
    "rsqrt": lambda h: torch.rsqrt(h * h + 0.5),
    "reciprocal": lambda h: (2.0 + h.sin()).reciprocal(),
    "cube": lambda h: h**3,
    "root": lambda h: (h**2 + 1.0) ** 0.25,
    "pow": lambda h: torch.pow(h, 2),
    "abs": lambda h: h.abs() + abs(h),
    "clamp": lambda h: h.clamp(-0.3, 0.4) + h.clamp(min=0.1) + torch.clamp(h, max=0.2) + h.clamp_min(-0.2),
    "in place": lambda h: (h + 1.0).mul_(0.3).add_(h).sigmoid_() + h.sin().clamp_(-0.8, 0.9),
    "changed in place, then used": lambda h: F.relu(h, inplace=True) + h.sin(),
    "changed in place, then returned": changed(lambda x: x.clamp_(-0.3, 0.4)),
    "changed twice, then returned": changed(lambda x: x.mul_(2.0).clamp_(-0.3, 0.4)),
    "dropped in place, but not in training": changed(lambda x: F.dropout(x, 0.5, training=False, inplace=True)),
    "a view changed in place, and used itself": view_changed,
}

ARITHMETIC: dict[str, Layer] = {
    "quotients": lambda h: h / (2.0 + h.cos()) + 1.0 / (3.0 + h.sin()) + torch.ones(8).to(h.dtype) / (h.square() + 1.0),
    "difference from constant": lambda h: 2.0 - h - torch.arange(8.0).to(h.dtype),
    "sum over channels": lambda h: h.sin().sum(1, keepdim=True) + h.mean(dim=-1, keepdim=True) * h,
    "pixel norm": lambda h: h * torch.rsqrt(torch.mean(h**2, dim=1, keepdim=True) + 1e-8),
    "affine modulation": lambda h: _modulated(h.unflatten(1, (2, 2, 2))),
    "batched products": lambda h: torch.bmm(h.view(-1, 2, 4), h.sin().view(-1, 4, 2)).flatten(1),
    "product with its transpose": lambda h: h.view(-1, 2, 4) @ h.view(-1, 2, 4).mT,
    "constant before": lambda h: torch.arange(6.0).to(h.dtype).view(3, 2) @ h.view(-1, 2, 4).tanh(),
    "constant batch of matrices": lambda h: h.view(-1, 2, 2, 2) @ torch.arange(8.0).to(h.dtype).view(2, 2, 2),
    "addmm": lambda h: torch.addmm(torch.arange(3.0).to(h.dtype), h, torch.arange(24.0).to(h.dtype).view(8, 3) / 20),
    "baddbmm": lambda h: torch.baddbmm(
        h.new_zeros(1, 1, 1), h.view(-1, 2, 4), h.tanh().view(-1, 4, 2), beta=0, alpha=0.5
    ),
    "einsum with a constant": lambda h: torch.einsum("bc,cd->bd", h, torch.arange(16.0).to(h.dtype).view(8, 2)),
    "einsum of two variables": lambda h: torch.einsum("bic,bjc->bij", h.view(-1, 2, 4).sin(), h.view(-1, 2, 4)),
    "einsum with modulation": lambda h: torch.einsum(
        "bi,oi,bj->boj", h.tanh(), torch.arange(16.0).to(h.dtype).view(2, 8) / 9, h.cos()
    ),
    "conditioned": lambda h: torch.cat([h, torch.tensor([[0.0, 1.0]]).to(h.dtype).expand(len(h), -1)], 1).sin(),
    "constants of the batch": lambda h: torch.cat([h.new_zeros(len(h), 2), h, torch.ones_like(h)], dim=1) + 1.0,
}

SHAPES: dict[str, Layer] = {
    "tokens folded into rows": lambda h: F.linear(h.view(-1, 4), torch.arange(8.0).to(h.dtype).view(2, 4)).view(-1, 4),
    "rows moved and back": lambda h: h.view(-1, 2, 4).permute(1, 0, 2)[1].sin(),
    "queries, keys and values": lambda h: _three(h.repeat(1, 3).reshape(-1, 2, 3, 2, 2).permute(2, 0, 3, 1, 4)),
    "unbound": lambda h: torch.cat(h.view(-1, 4, 2).transpose(0, 1).unbind(0), dim=1),
    "picked": lambda h: h[:, None, [0, 3]] * h[..., None, 2:4] + h[:, 1::4].unsqueeze(1),
    "new axes": lambda h: h[:, None].sin() * h[:, :, None],
    "expanded": lambda h: h.unsqueeze(1).expand(-1, 3, -1).flatten(1) * torch.arange(24.0).to(h.dtype),
    "flipped and rolled": lambda h: h.flip(1) + torch.roll(h, 3, dims=-1) + h.flip([-1]).sin(),
    "padded": lambda h: F.pad(F.pad(h.view(-1, 2, 4), (1, 2)), (2, 1), mode="reflect"),
    "stacked": lambda h: torch.stack([h, h.sin()], dim=-1).flatten(1),
    "split": lambda h: torch.cat([*torch.split(h.sin(), [3, 5], dim=1), *h.chunk(2, 1)], dim=-1),
    "masked": lambda h: h.sin().masked_fill(torch.arange(8) % 2 == 0, 3.0),
    "shuffled": lambda h: (
        F.pixel_shuffle(h.view(-1, 4, 1, 2), 2).flatten(1)
        + F.fold(h.view(-1, 4, 2), (2, 3), 2).sum((1, 2, 3), keepdim=False).unsqueeze(1)
    ),
}

NORMS: dict[str, tuple[tuple[int, ...], nn.Module]] = {
    "GroupNorm": ((4, 3, 2), nn.GroupNorm(2, 4)),
    "GroupNorm of one group": ((4, 5), nn.GroupNorm(1, 4, eps=1e-2)),
    "GroupNorm without weights": ((4, 3), nn.GroupNorm(4, 4, affine=False)),
    "LayerNorm": ((8,), nn.LayerNorm(8)),
    "LayerNorm over two": ((3, 2, 4), nn.LayerNorm([2, 4], eps=1e-3)),
    "LayerNorm without bias": ((8,), nn.LayerNorm(8, bias=False)),
    "LayerNorm without weights": ((2, 8), nn.LayerNorm(8, elementwise_affine=False)),
    "RMSNorm": ((2, 6), nn.RMSNorm(6)),
    "RMSNorm with eps": ((2, 6), nn.RMSNorm(6, eps=1e-2, elementwise_affine=False)),
    "InstanceNorm1d": ((3, 5), nn.InstanceNorm1d(3)),
    "InstanceNorm2d": ((3, 4, 2), nn.InstanceNorm2d(3, affine=True, eps=1e-2)),
    "InstanceNorm2d tracked": ((3, 4, 2), nn.InstanceNorm2d(3, affine=True, track_running_stats=True)),
    "InstanceNorm3d": ((2, 2, 2, 2), nn.InstanceNorm3d(2)),
    "BatchNorm1d": ((6,), nn.BatchNorm1d(6)),
    "BatchNorm2d": ((3, 2, 2), nn.BatchNorm2d(3, affine=False)),
}

LINEAR: dict[str, tuple[tuple[int, ...], nn.Module]] = {
    repr(layer): (shape, layer)
    for shape, layer in [
        ((6,), nn.Linear(6, 4)),
        ((2, 6), nn.Linear(6, 4, bias=False)),
        ((2, 7), nn.Conv1d(2, 3, 3, padding=1, stride=2)),
        ((4, 5, 4), nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2)),
        ((2, 5, 4), nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")),
        ((2, 5, 4), nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular", bias=False)),
        ((2, 3, 3, 3), nn.Conv3d(2, 2, 2)),
        ((2, 4), nn.ConvTranspose1d(2, 3, 3, stride=2, output_padding=1)),
        ((4, 1, 1), nn.ConvTranspose2d(4, 5, 4, 1, 0, bias=False)),
        ((4, 3, 2), nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, groups=2)),
        ((4, 3, 2), nn.ConvTranspose2d(4, 2, 3, stride=3, output_padding=(2, 1), dilation=2)),
        ((2, 2, 2, 2), nn.ConvTranspose3d(2, 3, 3, stride=2, padding=1, output_padding=1)),
        ((2, 3, 3), nn.Upsample(scale_factor=2)),
        ((2, 3, 3), nn.Upsample(scale_factor=2, mode="bilinear")),
        ((2, 3, 3), nn.Upsample(size=(5, 4), mode="bilinear", align_corners=True)),
        ((2, 3, 3), nn.Upsample(scale_factor=2, mode="bicubic")),
        ((2, 5), nn.Upsample(scale_factor=2, mode="linear")),
        ((2, 3, 3), nn.Upsample(scale_factor=2, mode="nearest-exact")),
        ((2, 4, 4), nn.AvgPool2d(2)),
        ((2, 5, 4), nn.AdaptiveAvgPool2d(2)),
        ((4, 2, 2), nn.PixelShuffle(2)),
        ((8,), nn.Dropout(0.3)),
        ((3, 2, 2), nn.Dropout2d(0.3)),
        ((2, 2, 2), nn.ReflectionPad2d(1)),
        ((2, 2, 2), nn.ReplicationPad2d(1)),
        ((2, 2, 2), nn.ZeroPad2d((1, 2, 0, 1))),
    ]
}


def _modulated(h: Tensor) -> Tensor:
    """As a style modulates the channels of a picture."""
    style = h.flatten(1)[:, :2, None, None].sin()
    return h * (1.0 + style) + style


def _three(parts: Tensor) -> Tensor:
    query, key, value = parts[0], parts[1], parts[2]
    return (query @ key.transpose(-2, -1)).softmax(dim=-1) @ value


class Attention(nn.Module):
    """Self-attention by torch's own layer, between six tokens."""

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, **settings)
        self.mask: Tensor | None = None
        self.causal = False

    def forward(self, tokens: Tensor) -> Tensor:
        keys = tokens.sin()
        if not self.layer.batch_first:
            tokens, keys = tokens.transpose(0, 1), keys.transpose(0, 1)
        kind = {"attn_mask": self.mask, "is_causal": self.causal, "need_weights": self.mask is not None}
        mixed = self.layer(tokens, keys, tokens, **kind)[0]
        return mixed if self.layer.batch_first else mixed.transpose(0, 1)


def _masked(kind: str) -> Attention:
    layer = Attention(batch_first=True)
    layer.mask = torch.ones(6, 6, dtype=torch.bool).triu(1) if kind == "bool" else torch.linspace(-1, 1, 36).view(6, 6)
    return layer


def _encoder(**settings: object) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(8, 2, 12, 0.1, batch_first=True, **settings)  # type: ignore[arg-type]


def _heads(tokens: Tensor, **settings: object) -> Tensor:
    heads = tokens.unflatten(-1, (2, 4)).transpose(1, 2)
    return F.scaled_dot_product_attention(heads, heads.sin(), heads.cos(), **settings)  # type: ignore[arg-type]


ATTENTION: dict[str, Layer] = {
    "nn.MultiheadAttention": Attention(batch_first=True),
    "rows second": Attention(),
    "without bias": Attention(batch_first=True, bias=False),
    "boolean mask": _masked("bool"),
    "mask of numbers": _masked("numbers"),
    "self-attention": nn.Sequential(_encoder()),
    "norm first, GELU": _encoder(norm_first=True, activation="gelu"),
    "an encoder": nn.TransformerEncoder(_encoder(), 2, nn.LayerNorm(8), enable_nested_tensor=False),
    "scaled dot products": _heads,
    "with a scale": lambda tokens: _heads(tokens, scale=0.3),
    "causal": lambda tokens: _heads(tokens, is_causal=True),
    "with a mask": lambda tokens: _heads(tokens, attn_mask=torch.eye(6, dtype=torch.bool) | (torch.arange(6) > 2)),
    "with a sum": lambda tokens: _heads(tokens, attn_mask=torch.linspace(0, 1, 36, dtype=tokens.dtype).view(6, 6)),
}


def _before(shape: tuple[int, ...], layer: Layer, dtype: torch.dtype) -> Layer:
    """A layer after a bent map of the latents to its shape, so that everything about it shows."""
    torch.manual_seed(1)
    first = nn.Linear(D, torch.Size(shape).numel()).to(dtype)
    if isinstance(layer, nn.Module):
        layer = layer.eval().to(dtype)
        for value in [*layer.parameters(), *layer.buffers()]:
            if value.is_floating_point() and not isinstance(layer, Attention | nn.TransformerEncoder):
                nn.init.uniform_(value, 0.3, 1.3)
    return lambda z: layer(first(z).sin().unflatten(1, shape))


def _compare(generator: Layer, dtype: torch.dtype) -> None:
    """Values, tangents, and the gradient of a random function of the tangents."""
    z = latents(4, D, 1, dtype).requires_grad_()
    tolerance = 1e-9 if dtype == torch.float64 else 2e-4
    with differentiable():
        found, expected = values_and_tangents(generator, z), tangents_by_rows(generator, z)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == dtype
            assert torch.allclose(
                one, other, rtol=tolerance, atol=tolerance * float(other.detach().abs().max()) + 1e-12
            )
        weights = latents(expected[1].numel(), 1, 2, dtype).view_as(expected[1])
        gradients = [
            torch.autograd.grad((tangents * weights).sum() + 0.0 * z.sum(), z)[0] for _, tangents in (found, expected)
        ]
    scale = float(gradients[1].abs().max())
    assert torch.allclose(gradients[0], gradients[1], rtol=tolerance, atol=tolerance * scale + 1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, dtype: torch.dtype) -> None:
    _compare(_before((8,), ACTIVATIONS[name], dtype), dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", [*POINTWISE, *ARITHMETIC, *SHAPES])
def test_functions(name: str, dtype: torch.dtype) -> None:
    _compare(_before((8,), {**POINTWISE, **ARITHMETIC, **SHAPES}[name], dtype), dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", [*NORMS, *LINEAR])
def test_layers(name: str, dtype: torch.dtype) -> None:
    shape, layer = {**NORMS, **LINEAR}[name]
    _compare(_before(shape, layer, dtype), dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name: str, dtype: torch.dtype) -> None:
    layer = ATTENTION[name]
    if isinstance(layer, Attention) and layer.mask is not None and layer.mask.is_floating_point():
        layer.mask = layer.mask.to(dtype)
    _compare(_before((6, 8), layer, dtype), dtype)


SETTINGS = {"pow": (3,), "__pow__": (3,), "clamp": (-1.0, 2.0), "clamp_min": (-1.0,), "clamp_max": (1.0,)}


@pytest.mark.parametrize("function", DERIVATIVES, ids=lambda function: getattr(function, "__qualname__", str(function)))
def test_derivatives_of_activations_are_those_of_autograd(function: Callable[..., Tensor]) -> None:
    settings: tuple[float, ...] = SETTINGS.get(getattr(function, "__name__", ""), ())
    positive = function.__name__ in ("log", "sqrt", "rsqrt")
    a = torch.linspace(0.05 if positive else -4.03, 4.0, 41, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(function(a, *settings).sum(), a, create_graph=True)
    second = torch.zeros_like(a)
    if slope.requires_grad:
        (second,) = torch.autograd.grad(slope.sum(), a, allow_unused=True, materialize_grads=True)
    derivatives = DERIVATIVES[function](*settings)
    value, first = derivatives.first(a)
    assert torch.allclose(value, function(a, *settings))
    assert torch.allclose(first, slope)
    assert torch.allclose(derivatives.second(a), second)


@pytest.mark.parametrize("activation", [F.relu, F.leaky_relu, F.relu6, F.hardtanh, F.elu], ids=lambda f: f.__name__)
def test_at_a_kink_the_slope_is_the_one_that_torch_takes(activation: Callable[[Tensor], Tensor]) -> None:
    a = torch.tensor([-1.0, 0.0, 1.0, 6.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(activation(a).sum(), a)
    assert torch.equal(DERIVATIVES[activation]().first(a)[1], slope)


WITHOUT_A_RULE: dict[str, Layer] = {
    "attention over rows": lambda h: h.softmax(0),
    "rows normalised together": lambda h: F.layer_norm(h, h.shape),
    "statistics of the batch": lambda h: F.instance_norm(
        h.unflatten(1, (2, 4)), torch.zeros(2).double(), torch.ones(2).double(), use_input_stats=True
    ),
    "rows turned": lambda h: h.flip(0),
    "rows rolled": lambda h: h.roll(1),
    "rows summed": lambda h: h - h.mean(0, keepdim=True),
    "all summed": lambda h: h * h.sum(),
    "rows of a sum": lambda h: torch.einsum("bc,dc->bd", h, h),
    "rows in the second place": lambda h: torch.einsum("bc->cb", h),
    "rows taken for channels": lambda h: F.conv1d(h, torch.ones(2, len(h), 1).double()),
    "rows multiplied with rows": lambda h: h @ h.mT,
    "a border of ones": lambda h: F.pad(h, (1, 1), value=1.0),
    "a power that varies": lambda h: (2.0 + h.sin()) ** h,
    "attention at random": lambda h: F.scaled_dot_product_attention(
        h.view(-1, 2, 4), h.view(-1, 2, 4), h.view(-1, 2, 4), dropout_p=0.5
    ),
    "a constant with rows": lambda h: torch.cat([h, torch.arange(len(h)).double()[:, None]], dim=1),
    "rounded": lambda h: torch.div(h, 2.0, rounding_mode="floor"),
    "changed through a view": changed(lambda x: x[:, 1:].clamp_(-0.3, 0.4)),
    "changed through what dropout returns": changed(lambda x: F.dropout(x, 0.5, training=False).clamp_(-0.3, 0.4)),
    "a view of what is changed": view_of_what_is_changed,
}


@pytest.mark.parametrize("name", WITHOUT_A_RULE)
def test_what_no_rule_fits_is_left_to_the_next_rung(name: str) -> None:
    with pytest.raises(NoRuleError):
        values_and_tangents(_before((8,), WITHOUT_A_RULE[name], torch.float64), latents(4, D, 1))
