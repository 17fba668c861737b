"""Tangents layer by layer, against torch's own forward mode."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from geodreg import LatentManifold
from geodreg.derivatives.forward_mode import NoRuleError, values_and_tangents
from geodreg.derivatives.rungs import tangents_by_vmap
from tests.generators import cylinder, latents, random_decoder, sphere, swiss_roll, trained

NETWORKS: dict[str, tuple[int, Callable[[], Callable[[Tensor], Tensor]]]] = {
    "sphere": (2, lambda: sphere),
    "cylinder": (2, lambda: cylinder),
    "Swiss roll": (2, lambda: swiss_roll),
    "bare matrices": (3, lambda: random_decoder((3, 8, 5), 2.0)),
    "circle GAN": (2, lambda: trained("circle-gan")),
    "MNIST VAE": (8, lambda: trained("mnist-vae")),
    "DCGAN": (3, lambda: trained("yale-dcgan")),
    "batch normalisation": (
        3,
        lambda: _with_statistics(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 4)),
    ),
    "one-dimensional convolutions": (
        4,
        lambda: _with_statistics(
            nn.Unflatten(1, (2, 2)), nn.ConvTranspose1d(2, 3, 3), nn.BatchNorm1d(3), nn.Softplus(), nn.Conv1d(3, 2, 2)
        ),
    ),
    "pixel shuffle": (
        4,
        lambda: _with_statistics(
            nn.Unflatten(1, (4, 1, 1)), nn.PixelShuffle(2), nn.Upsample(scale_factor=2), nn.Sigmoid(), nn.Flatten()
        ),
    ),
    "constants": (3, lambda: lambda z: 2.0 - (z * torch.tensor([1.0, 2.0, 3.0]).double() + 1.0).sin() / 3.0 * z[:, :1]),
    "parts": (4, lambda: lambda z: torch.cat([part.cos() for part in z.chunk(2, dim=1)], dim=1) - z.exp()),
    "columns": (3, lambda: lambda z: torch.tensor([[1.0, 2.0], [3.0, 4.0]]).double() @ z.tanh()[:, :2, None]),
}


def _with_statistics(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(*layers).double()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm1d):
            for values in (part.running_mean, part.running_var, part.weight, part.bias):
                assert values is not None
                nn.init.uniform_(values, 0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_rules_give_what_torch_gives_and_can_be_differentiated(name: str) -> None:
    d, make = NETWORKS[name]
    generator, z = make(), latents(5, d, 1).requires_grad_()
    found, expected = values_and_tangents(generator, z), tangents_by_vmap(generator, z)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    weights = torch.randn(expected[1].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = [torch.autograd.grad((tangents * weights).sum(), z)[0] for _, tangents in (found, expected)]
    assert torch.allclose(gradients[0], gradients[1], atol=1e-9 * gradients[1].abs().max().item() + 1e-12)


WITHOUT_A_RULE: dict[str, Callable[[Tensor], Tensor]] = {
    "an unknown function": lambda z: z.atan(),
    "rows picked": lambda z: z[:2],
    "rows moved": lambda z: torch.tanh(z.T).T,
    "rows summed": lambda z: z - z.mean(0),
    "rows joined": lambda z: torch.cat([z, z]),
    "a constant with rows": lambda z: z + torch.arange(float(len(z))).double()[:, None],
    "statistics of the batch": lambda z: F.batch_norm(z, None, None, training=True),
    "nothing of the latents": lambda z: torch.zeros(len(z), 3).double(),
}


@pytest.mark.parametrize("name", WITHOUT_A_RULE)
def test_what_has_no_rule_is_left_to_torch(name: str) -> None:
    function, z = WITHOUT_A_RULE[name], latents(4, 3, 0)
    with pytest.raises(NoRuleError):
        values_and_tangents(function, z)
    if name == "an unknown function":
        expected = torch.func.vmap(torch.func.jacrev(lambda point: function(point[None])[0]))(z)
        assert torch.allclose(LatentManifold(function).jacobian(z), expected)


def test_a_generator_that_the_rules_get_wrong_is_found_out() -> None:
    class Sly(nn.Module):  # takes another way when it does not see a plain tensor
        def forward(self, z: Tensor) -> Tensor:
            return (
                z.tanh()
                if type(z) is not torch.Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(z)
                else z.sin()
            )

    z = latents(4, 3, 0)
    assert torch.allclose(LatentManifold(Sly()).jacobian(z), torch.diag_embed(z.cos()))


def test_parts_change_nothing() -> None:
    manifold = LatentManifold(trained("mnist-vae"), noise=0.1)
    z = latents(400, 8, 3)
    assert len(manifold.parts(z)) > 2
    assert torch.allclose(manifold.jacobian(z)[77], manifold.jacobian(z[77]), atol=1e-12)
    assert torch.allclose(manifold.nll(z)[150:], manifold.nll(z[150:]))


def test_second_derivatives_of_the_density_are_those_of_torch() -> None:
    net = _with_statistics(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 6), nn.Softplus(), nn.Linear(6, 9))
    one, other = (LatentManifold(f, noise=0.1) for f in (net, lambda z: net(z) + 0.0 * z.atan().sum(-1, keepdim=True)))
    z = latents(1, 3, 5)[0]
    hessians = [torch.autograd.functional.hessian(lambda p, m=m: m.nll(p), z) for m in (one, other)]
    assert one.ladder.rung is not None
    assert other.ladder.rung is not None
    assert (one.ladder.rung.name, other.ladder.rung.name) == ("layers", "vmap")
    assert torch.allclose(hessians[0], hessians[1], atol=1e-9)


def test_the_density_has_gradients_for_the_generator_as_well() -> None:
    net = _with_statistics(
        nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Softplus(), nn.Linear(6, 9)
    )
    gradients = []
    for function in (net, lambda z: net(z) + 0.0 * z.atan().sum(-1, keepdim=True)):
        net.zero_grad()
        values, tangents = LatentManifold(function).pushforward(latents(4, 3, 5))
        (values.sin().sum() + tangents.square().sum()).backward()
        gradients.append([None if p.grad is None else p.grad.clone() for p in net.parameters()])
    assert len(gradients[0]) == 8
    for mine, expected in zip(*gradients, strict=True):
        assert mine is not None
        assert torch.allclose(mine, expected)


def test_transforms_of_torch_pass_through_the_manifold() -> None:
    manifold = LatentManifold(trained("circle-gan"), noise=0.1)
    z = latents(3, 2, 0)
    expected = torch.stack([torch.autograd.functional.jacobian(manifold.nll, point) for point in z])
    assert torch.allclose(torch.func.vmap(torch.func.jacrev(manifold.nll))(z), expected)


def test_a_generator_that_does_something_else_with_many_rows_is_left_to_torch() -> None:
    net = _with_statistics(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5))

    def by_parts(z: Tensor) -> Tensor:
        return net(z) if len(z) <= 16 else torch.cat([net(part) for part in z.split(16)])

    z = latents(30, 3, 0)
    assert torch.allclose(LatentManifold(by_parts).jacobian(z), LatentManifold(net).jacobian(z))


def test_no_latents_have_no_jacobians() -> None:
    manifold = LatentManifold(trained("circle-gan"), noise=0.1)
    assert manifold.jacobian(torch.empty(0, 2).double()).shape == (0, 2, 2)
    assert manifold.nll(torch.empty(0, 2).double()).shape == (0,)
    assert manifold.jacobian(torch.zeros(1, 2).double().expand(4, 2)).shape == (4, 2, 2)
