"""Model schemes: what they promise on the sample, and that they leave no other trace."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from trainability.errors import SetupError, UnknownNameError
from trainability.initializers import initialize, models

X = 5.0 + 3.0 * torch.randn(96, 20, generator=torch.Generator().manual_seed(0))
IMAGES = 2.0 + torch.randn(16, 3, 12, 12, generator=torch.Generator().manual_seed(0))
BY_SAMPLE = ["data_dependent", "lsuv"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def deep() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(20, 40), nn.ReLU(inplace=True), nn.Linear(40, 30, bias=False), nn.Tanh(), nn.Linear(30, 7)
    )


def images() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, groups=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(8, 12, 3, stride=2, groups=4),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(12, 6, 2, groups=2),
        nn.Flatten(),
        nn.LazyLinear(5),
    )


def outputs(model: nn.Module, x: torch.Tensor, train: bool = False) -> dict[str, torch.Tensor]:
    """Each layer's output at its first call, copied before an in-place activation gets at it."""
    found: dict[str, torch.Tensor] = {}

    def hook(name):
        def keep(module, args, out):
            found.setdefault(name, out.detach().clone())

        return keep

    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    handles = [m.register_forward_hook(hook(n)) for n, m in model.named_modules() if isinstance(m, kinds)]
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found


def made(how) -> tuple[nn.Module, torch.Tensor]:
    model, x = (deep(), X) if how == "deep" else (images(), IMAGES)
    with torch.no_grad():
        model(x)
    return model, x


def test_every_file_is_listed():
    files = {path.stem for path in Path(models.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(models.ALL)
    with pytest.raises(UnknownNameError, match=r"Unknown model scheme 'lsvu'. Did you mean 'lsuv'"):
        models.get("lsvu")


@pytest.mark.parametrize("how", ["deep", "images"])
def test_lsuv_gives_every_layer_unit_variance_the_first_one_too(how):
    """Trap 9. In-place ReLUs would halve what a hook sees after the pass (trap 5)."""
    model, x = made(how)
    assert initialize(model, "lsuv", sample=x, generator=seeded()) is model
    found = outputs(model, x)
    assert len(found) == (3 if how == "deep" else 4)
    for z in found.values():
        assert z.double().std(correction=0).item() == pytest.approx(1.0, rel=1e-4)
    rows = model[0].weight.flatten(1)
    rows = rows if len(rows) < rows.shape[1] else rows.mT
    gram = rows @ rows.mT
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(len(rows)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("how", ["deep", "images"])
def test_data_dependent_centres_and_scales_every_unit(how):
    model, x = made(how)
    initialize(model, "data_dependent", sample=x, start="lecun_normal", std=2.0, generator=seeded())
    for name, z in outputs(model, x).items():
        layer = model.get_submodule(name)
        units = z.double().transpose(0, 1).flatten(1)
        torch.testing.assert_close(
            units.std(1, correction=0), torch.full((len(units),), 2.0).double(), rtol=1e-3, atol=0
        )
        if layer.bias is not None:
            assert units.mean(1).abs().max() < 1e-3


def test_data_dependent_leaves_constant_units():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.ones(10, 3)
    models.data_dependent(model, x, generator=seeded())
    assert all(p.isfinite().all() for p in model.parameters())
    assert (model(x).abs() < 1e-5).all()


@pytest.mark.parametrize("name", BY_SAMPLE)
def test_layers_are_changed_in_the_order_of_execution_and_once(name):
    """Registered back to front; `again` runs twice, with other inputs the second time; `tied` shares a weight."""

    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.tied, self.again, self.first = (nn.Linear(20, 20) for _ in range(4))
            self.tied.weight = self.again.weight

        def forward(self, x):
            h = self.again(self.first(x).relu_())
            h = self.again(3 * h.relu())
            return self.last(self.tied(h))

    model = Backwards()
    initialize(model, name, sample=X, generator=seeded())
    found = outputs(model, X)
    for layer in ("first", "again", "last"):
        assert found[layer].double().std(correction=0).item() == pytest.approx(1.0, rel=1e-3)
    assert found["tied"].double().std(correction=0).item() != pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("name", [*BY_SAMPLE, "pretrain"])
def test_no_other_trace_is_left(name):
    model = nn.Sequential(
        nn.Linear(20, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(16, 4)
    )
    model.train()
    model[3].eval()
    model[0].weight.requires_grad_(False)
    model[4].weight.grad = torch.full_like(model[4].weight, 3.0)
    buffers = {key: value.clone() for key, value in model.named_buffers()}
    identities = [(id(p), p.requires_grad, p.is_leaf) for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    norm = [p.clone() for p in model[1].parameters()]
    state = torch.get_rng_state()
    initialize(model, name, sample=X, generator=seeded(), **({"steps": 3} if name == "pretrain" else {}))
    assert torch.equal(state, torch.get_rng_state())
    assert [m.training for m in model.modules()] == modes
    assert [(id(p), p.requires_grad, p.is_leaf) for p in model.parameters()] == identities
    for key, value in model.named_buffers():
        assert torch.equal(value, buffers[key])
    assert all(torch.equal(p, q) for p, q in zip(model[1].parameters(), norm, strict=True))
    assert (model[4].weight.grad == 3).all()
    assert model[4].bias.grad is None
    assert model[0].weight.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("name", BY_SAMPLE)
def test_after_an_exception_everything_is_as_before(name):
    class Breaks(nn.Module):
        def forward(self, x):
            raise RuntimeError("stop here")

    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), Breaks(), nn.Linear(8, 3))
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="stop here"):
        initialize(model, name, sample=X, generator=seeded())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    assert model.training
    assert torch.equal(state, torch.get_rng_state())
    assert not any(m._forward_hooks for m in model.modules())


def test_two_calls_with_the_global_generator_differ():
    torch.manual_seed(0)
    first = models.lsuv(deep(), X)[0].weight
    assert not torch.equal(first, models.lsuv(deep(), X)[0].weight)
    torch.manual_seed(0)
    deep()  # what the constructor takes from the generator
    torch.manual_seed(0)
    assert torch.equal(first, models.lsuv(deep(), X)[0].weight)


@pytest.mark.parametrize("inner", [False, True])
def test_a_model_that_has_run_compiled_is_reached(inner):
    """Trap 6: a hook added to an inner module after torch.compile has run never fires."""
    model = deep()
    if inner:
        model[2].compile(backend="eager")
        model[0] = torch.compile(model[0], backend="eager")
        compiled = model
    else:
        compiled = torch.compile(model, backend="eager")
    with torch.no_grad():
        compiled(X)
    initialize(compiled, "lsuv", sample=X, generator=seeded())
    z = compiled(X)
    assert z.double().std(correction=0).item() == pytest.approx(1.0, rel=1e-4)
    first = compiled[0] if inner else model[0]
    assert first(X).double().std(correction=0).item() == pytest.approx(1.0, rel=1e-4)


def test_what_the_pass_does_not_reach_is_said():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(20, 4), nn.Linear(20, 4)

        def forward(self, x):
            return self.used(x)

    with pytest.warns(UserWarning, match="Not called on the sample and so left as drawn: spare"):
        models.lsuv(Unused(), X)

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(20, 4)

        def forward(self, x):
            return x @ self.layer.weight.T

    with pytest.raises(SetupError, match="calls none of its layers"):
        models.lsuv(Hidden(), X)


def test_attention_is_drawn_and_does_not_stand_in_the_way():
    model = nn.TransformerEncoderLayer(20, 2, dim_feedforward=30, batch_first=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        initialize(model, "lsuv", sample=X.reshape(8, 12, 20), generator=seeded())
    found = outputs(model, X.reshape(8, 12, 20))
    for name in ("linear1", "linear2"):
        assert found[name].double().std(correction=0).item() == pytest.approx(1.0, rel=1e-3)
    q = model.self_attn.in_proj_weight[:20]
    torch.testing.assert_close(q @ q.T, torch.eye(20), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", BY_SAMPLE)
def test_wrong_input_is_refused_and_nothing_changes(name):
    model = deep()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"given no sample, needed one. Pass sample=x"):
        initialize(model, name)
    with pytest.raises(ValueError, match=r"given bias=, needed one of sample"):
        initialize(model, name, sample=X, bias="zeros")
    with pytest.raises(ValueError, match=r"std: given 0, needed a finite number above 0"):
        initialize(model, name, sample=X, std=0.0)
    with pytest.raises(SetupError, match=r"layer 0 gives"):
        initialize(model, name, sample=torch.full((5, 20), float("nan")))
    with pytest.raises(UnknownNameError):
        initialize(model, name, sample=X, start="he_norml")
    with pytest.raises(SetupError, match=r"lazy weight"):
        initialize(nn.Sequential(nn.LazyLinear(3)), name, sample=X)
    with pytest.raises(SetupError, match=r"meta device"):
        initialize(nn.Linear(20, 3, device="meta"), name, sample=X)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


class Block(nn.Module):
    def __init__(self, project: bool = False):
        super().__init__()
        self.two, self.one = nn.Linear(6, 6), nn.Linear(6, 6)  # not in the order of execution
        self.skip = nn.Linear(6, 6) if project else nn.Identity()

    def forward(self, x):
        h = self.two(self.one(x).relu())
        h += self.skip(x)
        return h.relu()


def residual() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 6), Block(), Block(project=True), Block(), nn.Linear(6, 3))


@pytest.mark.parametrize("found", ["by tracing", "by name"])
def test_fixup(found):
    model = residual()
    if found == "by name":
        for block in (model[1], model[2], model[3]):
            block.branch = nn.Sequential(block.one, block.two)
        names = [f"{i}.branch" for i in (1, 2, 3)]
        # The modules have two names; the branch's own order counts.
        initialize(model, "fixup", branches=names, generator=seeded())
    else:
        assert initialize(model, "fixup", generator=seeded()) is model
    plain = initialize(residual(), "he_normal", generator=seeded())
    for i in (1, 2, 3):
        assert (model[i].two.weight == 0).all()
        # L = 3 branches of m = 2 layers: 3^(-1/2).
        std = model[i].one.weight.std().item()
        assert 0.3 < std / (3**-0.5 * (2 / 6) ** 0.5) < 1.7
    if found == "by tracing":
        torch.testing.assert_close(model[1].one.weight, plain[1].one.weight * 3**-0.5)
        torch.testing.assert_close(model[2].skip.weight, plain[2].skip.weight)
    assert (model[4].weight == 0).all()
    torch.testing.assert_close(model[0].weight, plain[0].weight)
    assert all((p == 0).all() for n, p in model.named_parameters() if "bias" in n)


def test_fixup_finds_branches_or_says_that_it_needs_names():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            if x.sum() > 0:
                return self.a(x)
            return x + self.b(x)

    class Even(Branches):
        def forward(self, x):
            return self.a(x) + self.b(x)

    with pytest.raises(SetupError, match=r"cannot be traced .* Pass branches="):
        models.fixup(Branches())
    with pytest.raises(SetupError, match=r"same number of layers \(a and b\)"):
        models.fixup(Even())
    with pytest.raises(SetupError, match=r"no residual branch"):
        models.fixup(deep())
    with pytest.raises(SetupError, match=r"branch 'c', needed the dotted name"):
        models.fixup(Even(), branches=["c"])
    model = models.fixup(Even(), branches=["a"])
    assert (model.a.weight == 0).all()
    assert (model.b.weight == 0).all()  # the head: the last one outside branches


def test_fixup_keeps_the_first_step_of_a_deep_network_small():
    """One SGD step on 40 blocks changes the output by Θ(lr) and the loss goes down; with He's weights it explodes."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 6), torch.randn(64, 3)
    change = {}
    for name in ("fixup", "he_normal"):
        model = nn.Sequential(*(Block() for _ in range(40)), nn.Linear(6, 3))
        initialize(model, name, generator=seeded(1))
        before = model(x)
        nn.functional.mse_loss(before, y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=0.01)
            change[name] = (model(x) - before).square().mean().sqrt().item()
    assert change["fixup"] < 0.1
    assert not change["he_normal"] < 10


def test_pretraining_restores_damaged_inputs_better_than_the_start():
    """Inputs on a 3-dimensional plane in 20 dimensions: what is lost can be guessed from the rest."""
    x = torch.randn(400, 3, generator=seeded()) @ torch.randn(3, 20, generator=seeded(1)) / 3**0.5
    kept = torch.rand(x.shape, generator=seeded(5)) >= 0.2
    errors, last = [], []
    for steps in (0, 400):
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2)
        )
        initialize(model, "pretrain", sample=x, steps=steps, lr=1e-2, noise=0.2, generator=seeded(2))
        with torch.no_grad():
            for layer, inputs, mask in ((model[1], x, kept), (model[4], model[1](x).tanh(), kept[:, :8])):
                restored = layer(inputs * mask).tanh() @ layer.weight
                errors.append((inputs - restored).var(0, correction=0).mean().item() / inputs.var(0).mean().item())
        last.append(model[6].weight)
    assert errors[2] < 0.5 * errors[0]
    assert errors[2] < 0.3
    assert errors[3] < 0.7 * errors[1]
    assert torch.equal(*last)


def test_pretraining_refuses_other_networks():
    x = torch.randn(9, 3)
    with pytest.raises(SetupError, match=r"needed an nn.Sequential with two or more"):
        models.pretrain(nn.Sequential(nn.Linear(3, 3)), x)
    with pytest.raises(SetupError, match=r"no other layer with weights"):
        models.pretrain(nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3)), nn.Linear(3, 3)), x)
    with pytest.raises(ValueError, match=r"noise: given 1"):
        models.pretrain(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), x, noise=1.0)


def chain_of(activation: type[nn.Module], depth: int, width: int = 200) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(depth):
        parts += [nn.Linear(width, width), activation()]
    return nn.Sequential(*parts)


@pytest.mark.parametrize(
    ("activation", "method"),
    [(nn.Tanh, "dks"), (nn.Tanh, "tat"), (nn.SiLU, "dks"), (nn.ReLU, "tat"), (nn.LeakyReLU, "dks"), (nn.ReLU, "dks")],
)
def test_tailored_networks_keep_norms_and_correlations(activation, method):
    """40 layers of width 200: what is orthogonal stays apart and mean squares stay 1; a plain ReLU network sends both
    to one point. The bands are far wider than the scatter at width 200, about 0.1."""
    x = torch.linalg.qr(torch.randn(200, 4, generator=seeded()))[0].T * 200**0.5
    model = initialize(chain_of(activation, 40), "tailored", method=method, generator=seeded())
    with torch.no_grad():
        y = model(x)
    q = y.square().mean(1)
    c = (y @ y.T / 200 / (q[:, None] * q).sqrt())[torch.triu(torch.ones(4, 4), 1) == 1]
    assert q.min() > 0.5
    assert q.max() < 2.0
    if method == "dks":
        assert c.abs().max() < 0.5
    elif activation is nn.ReLU:
        assert c.mean().item() == pytest.approx(0.9, abs=0.05)
    else:
        assert c.abs().max() < 0.6
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_untailored_relu_networks_lose_the_angle():
    x = torch.linalg.qr(torch.randn(200, 4, generator=seeded()))[0].T * 200**0.5
    with torch.no_grad():
        y = initialize(chain_of(nn.ReLU, 40), "orthogonal", gain=2**0.5, generator=seeded())(x)
    y = y / y.norm(dim=1, keepdim=True)
    assert (y @ y.T).min() > 0.95


def test_tailored_activations_are_those_of_theory():
    from trainability.theory.tailored import dks, plain

    u = torch.linspace(-3, 3, 50, dtype=torch.float64)
    model = initialize(chain_of(nn.Tanh, 7, width=4), "tailored", target=1.3)
    f = dks("tanh", network=plain(7), target=1.3)
    torch.testing.assert_close(model[1](u), torch.from_numpy(f(u.numpy())))
    again = initialize(model, "tailored", target=1.3)
    torch.testing.assert_close(again[1](u), model[1](u))
    assert isinstance(again[1].base, nn.Tanh)


def test_tailored_weights_keep_the_mean_square_through_wider_and_narrower_layers():
    """Wider: exactly. Narrower: over 2 000 inputs, standard error 1.1 %, band 5 of them."""
    model = nn.Sequential(
        nn.Linear(30, 50), nn.Tanh(), nn.Linear(50, 40), nn.Conv1d(1, 6, 3), nn.Conv1d(6, 4, 3, groups=2)
    )
    initialize(model, "tailored", generator=seeded())
    x = torch.randn(2000, 30, generator=seeded(1))
    torch.testing.assert_close(model[0](x).square().mean(1), x.square().mean(1))
    h = torch.randn(2000, 50, generator=seeded(2))
    assert model[2](h).square().mean().item() == pytest.approx(1.0, rel=0.055)
    assert model[3].weight[:, :, 1].square().sum().item() == pytest.approx(6.0)


def test_tailoring_refuses_what_it_cannot_count_or_transform():
    with pytest.raises(SetupError, match=r"without activation modules"):
        models.tailored(nn.Linear(3, 3))
    with pytest.raises(SetupError, match=r"TransformerEncoderLayer with activations inside.*Pass network="):
        models.tailored(nn.Sequential(nn.TransformerEncoderLayer(4, 1, activation=nn.GELU())))
    with pytest.raises(SetupError, match=r"needed alpha=1.0"):
        models.tailored(nn.Sequential(nn.Linear(3, 3), nn.ELU(2.0)))
    with pytest.raises(ValueError, match=r"method: given 'dsk'"):
        models.tailored(chain_of(nn.Tanh, 1, 3), method="dsk")
    model = chain_of(nn.SELU, 2, 3)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"needs? a smooth activation|jumps|need"):
        models.tailored(model, method="tat", target=-1.0)
    assert isinstance(model[1], nn.SELU)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
