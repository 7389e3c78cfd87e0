"""Predicted against measured, by independent paths: simulation of the very networks, closed forms, published recursions."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainability.errors import SetupError
from trainability.forecast import predict
from trainability.forecast.forecast import FROM_MEASURED, MEASURED, THEORY
from trainability.forecast.moments import moments, through
from trainability.initializers import initialize


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def chain(depth, width, activation=nn.ReLU, d_in=20, d_out=1):
    layers = [nn.Linear(d_in, width), activation()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, d_out))


def rows(found, kind):
    return [row for row in found.layers if row.kind == kind]


def close(row, times=1.0):
    """Within the error that theory states for itself (three standard deviations: 1 false alarm in 370 a row)."""
    assert row.predicted_mean_square is not None, row
    assert abs(math.log(row.measured_mean_square / row.predicted_mean_square)) < times * math.log1p(row.error), row


class TestMoments:
    @pytest.mark.parametrize(
        ("phi", "square", "slope"),
        [(torch.relu, 0.5, 0.5), (torch.tanh, 0.394294, 0.464403), (torch.erf, 2 / math.pi * math.asin(2 / 3), None)],
        ids=["relu", "tanh", "erf"],
    )
    def test_against_closed_forms_and_quadrature(self, phi, square, slope):
        found = moments(phi, torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
        assert float(found.square) == pytest.approx(square, rel=1e-4)
        if slope is not None:
            assert float(found.slope) == pytest.approx(slope, rel=2e-3)

    def test_kernel_of_relu_is_the_arc_cosine_kernel(self):
        from trainability.forecast.law import Law

        for rho in (-0.9, 0.0, 0.5, 0.99):
            kernel = torch.tensor([[[2.0, rho * math.sqrt(6)], [rho * math.sqrt(6), 3.0]]], dtype=torch.float64)
            law = Law(kernel, torch.zeros(1, 2, dtype=torch.float64), 100, ("b", "f"), gaussian=True)
            t = math.acos(rho)
            wanted = math.sqrt(6) * (math.sin(t) + (math.pi - t) * math.cos(t)) / (2 * math.pi)
            assert float(through(torch.relu, law)[0].kernel[0, 0, 1]) == pytest.approx(wanted, rel=2e-3, abs=1e-4)

    def test_shifted_gaussians_against_monte_carlo(self):
        from trainability.forecast.law import Law

        mean, cov = torch.tensor([0.7, -1.2]).double(), torch.tensor([[1.5, 0.8], [0.8, 2.0]]).double()
        z = normal(400_000, 2, seed=3).double() @ torch.linalg.cholesky(cov).t() + mean
        for phi in (torch.relu, torch.tanh, F.gelu, lambda x: F.leaky_relu(x, 0.3)):
            law = Law((cov + mean[:, None] * mean)[None], mean[None], 10, ("b", "f"), gaussian=True)
            after, slope = through(phi, law)
            y = phi(z)
            # 400,000 draws: five standard errors
            product = y[:, 0] * y[:, 1]
            error = 5 * float(product.std()) / math.sqrt(len(z)) + 1e-4
            assert abs(float(after.kernel[0, 0, 1]) - float(product.mean())) < error
            assert float(after.mean[0, 0]) == pytest.approx(float(y[:, 0].mean()), abs=0.01)
            assert float(slope[0, 1]) >= 0

    def test_many_points_by_the_table_equal_few(self):
        std = torch.linspace(0.2, 3, 3000).double()
        zero = torch.zeros(3000).double()
        table, direct = moments(torch.tanh, zero, std), moments(torch.tanh, zero[:50], std[:50])
        assert torch.allclose(table.square[:50], direct.square, rtol=2e-3)


class TestPlainChains:
    @pytest.mark.parametrize("scheme", ["he_normal", "xavier_normal", "torch_default", "orthogonal"])
    @pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU])
    def test_every_mean_square_lies_within_the_stated_error(self, scheme, activation):
        net = initialize(chain(6, 200, activation), scheme, generator=generator())
        found = predict(net, normal(16, 20), advice=False)
        assert all(row.reach == THEORY for row in found.layers)
        for row in found.layers:
            close(row, 1.35)  # a hundred rows and more are tested here
            if row.measured_correlation is not None and row is not found.layers[-1]:
                assert row.predicted_correlation == pytest.approx(row.measured_correlation, abs=0.08)

    def test_gradient_against_many_draws(self):
        net = initialize(chain(5, 256, d_out=64), "he_normal", generator=generator())
        found = predict(net, normal(16, 20), draws=12, advice=False)
        for row in found.layers:
            assert row.predicted_gradient == pytest.approx(row.measured_gradient, rel=0.25)

    def test_weights_with_a_mean(self):
        net = chain(4, 100)
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.uniform_(layer.weight, 0.0, 1.0, generator=generator(1))
                nn.init.zeros_(layer.bias)
        found = predict(net, normal(16, 20).abs(), advice=False)
        for row in found.layers:
            assert row.predicted_mean_square == pytest.approx(row.measured_mean_square, rel=0.1)
        assert found.layers[-1].predicted_correlation > 0.99

    def test_xavier_relu_halves_the_signal_at_every_layer(self):
        net = initialize(chain(20, 256), "lecun_normal", generator=generator())
        found = predict(net, normal(16, 20))
        hidden = rows(found, "linear")[:-1]
        factor = (hidden[-1].predicted_mean_square / hidden[0].predicted_mean_square) ** (1 / (len(hidden) - 1))
        assert factor == pytest.approx(0.5, rel=0.03)
        assert found.trainable_depth == pytest.approx(6 / math.log(2), rel=0.1)

    def test_dead_and_always_on_units(self):
        net = initialize(chain(3, 2000, d_in=1), "he_normal", bias="zeros", generator=generator())
        x = torch.linspace(0.5, 1.0, 8)[:, None]  # one ray: half of the units are off, half on, for every input
        first = rows(predict(net, x, advice=False), "activation")[0]
        assert first.predicted_dead == pytest.approx(0.5, abs=0.02)
        assert first.measured_dead == pytest.approx(0.5, abs=0.05)
        assert first.predicted_always_on == pytest.approx(0.5, abs=0.02)

    def test_he_at_thirty_layers_has_no_limit_and_xavier_a_short_one(self):
        x = normal(16, 20)
        he = predict(initialize(chain(30, 128), "he_normal", generator=generator()), x)
        assert he.trainable_depth == math.inf
        assert not he.advice
        xavier = predict(initialize(chain(30, 128), "xavier_normal", generator=generator()), x)
        assert xavier.trainable_depth < 15
        assert "he_normal" in xavier.advice[0].code
        assert "fold" in xavier.advice[0].seen

    def test_growing_weights_are_spoken_of(self):
        net = initialize(chain(5, 64, d_in=64), "uniform", r=1.0, generator=generator())
        found = predict(net, normal(16, 64))
        assert found.signal_factor > 100
        assert found.advice

    def test_torch_default_at_usual_depth_is_not(self):
        net = chain(4, 64)
        assert not predict(net, normal(16, 20)).advice


class TestOtherLayers:
    def test_convolutions_strided_padded_and_dilated(self):
        net = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, stride=2), nn.Tanh(),
            nn.Conv2d(64, 96, 3, dilation=2, padding=2), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(10),
        )  # fmt: skip
        x = normal(8, 3, 16, 16)
        net(x)
        found = predict(net, x, advice=False)
        assert [row.reach for row in found.layers] == [THEORY] * 7
        for row in found.layers:
            close(row, 1.3)

    def test_one_dimensional_convolution_and_groups(self):
        net = nn.Sequential(nn.Conv1d(4, 64, 5, padding=2), nn.ReLU(), nn.Conv1d(64, 64, 3, groups=4))
        for row in predict(net, normal(8, 4, 30), advice=False).layers:
            close(row, 1.3)

    @pytest.mark.parametrize("training", [True, False])
    def test_batch_normalisation(self, training):
        net = nn.Sequential(
            nn.Linear(20, 200), nn.BatchNorm1d(200), nn.ReLU(), nn.Linear(200, 200), nn.BatchNorm1d(200)
        )
        net.train(training)
        with torch.no_grad():
            net[1].weight.uniform_(0.5, 1.5, generator=generator())
            net[1].bias.normal_(0, 0.3, generator=generator())
            net[1].running_var.uniform_(0.5, 2.0, generator=generator())
        before = {k: v.clone() for k, v in net.state_dict().items()}
        found = predict(net, normal(32, 20), advice=False)
        for row in found.layers:
            assert row.predicted_mean_square == pytest.approx(row.measured_mean_square, rel=0.15)
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())

    def test_layer_normalisation_and_residual_sums(self):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm, self.one, self.two = nn.LayerNorm(128), nn.Linear(128, 256), nn.Linear(256, 128)

            def forward(self, x):
                return x + self.two(F.relu(self.one(self.norm(x))))

        net = nn.Sequential(nn.Linear(20, 128), *(Block() for _ in range(4)), nn.Linear(128, 3))
        found = predict(net, normal(16, 20))
        assert len(rows(found, "sum")) == 4
        assert all(row.reach == THEORY for row in found.layers)
        for row in found.layers:
            close(row, 1.3)
        assert found.trainable_depth is None
        assert not found.advice

    def test_a_sum_with_shared_weights_is_outside_theory(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.one = nn.Linear(20, 20)

            def forward(self, x):
                return self.one(x) + self.one(x) * 2

        assert rows(predict(Twice(), normal(8, 20)), "sum") == []

    def test_embedding(self):
        net = nn.Sequential(nn.Embedding(50, 64), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 50))
        tokens = torch.randint(0, 50, (8, 12), generator=generator())
        for row in predict(net, tokens, advice=False).layers:
            close(row, 1.3)

    def test_dropout(self):
        net = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Dropout(0.5), nn.Linear(400, 400))
        for row in predict(net, normal(16, 20), advice=False).layers:
            close(row, 1.3)

    def test_attention_pooling_and_recurrence_are_measured_alone(self):
        class Mixed(nn.Module):
            def __init__(self):
                super().__init__()
                self.attend = nn.MultiheadAttention(32, 4, batch_first=True)
                self.rnn, self.out = nn.GRU(32, 32, batch_first=True), nn.Linear(32, 5)

            def forward(self, x):
                x = x + self.attend(x, x, x)[0]
                return self.out(self.rnn(x)[0].mean(1))

        found = predict(Mixed(), normal(8, 6, 32))
        assert found.layers[-1].reach == FROM_MEASURED
        close(found.layers[-1], 1.3)

    def test_max_pooling_starts_again_from_what_is_measured(self):
        net = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 64, 3), nn.ReLU())
        found = predict(net, normal(8, 3, 12, 12), advice=False)
        assert [row.reach for row in found.layers] == [THEORY, THEORY, FROM_MEASURED, THEORY]
        assert found.layers[1].predicted_gradient is None  # chosen by its own values
        for row in found.layers:
            close(row, 1.3)

    def test_activation_behind_an_activation_is_measured_alone(self):
        found = predict(
            nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Tanh(), nn.Linear(50, 1)), normal(8, 20), advice=False
        )
        assert [row.reach for row in found.layers] == [THEORY, THEORY, MEASURED, FROM_MEASURED]

    def test_an_activation_written_as_a_module(self):
        class Cube(nn.Module):
            def forward(self, x):
                return 0.1 * x * x * x

        found = predict(nn.Sequential(nn.Linear(20, 400), Cube(), nn.Linear(400, 400)), normal(16, 20), advice=False)
        assert [row.kind for row in found.layers] == ["linear", "activation", "linear"]
        # E (0.1 z³)² = 0.15 q³
        q = found.layers[0].predicted_mean_square
        assert found.layers[1].predicted_mean_square == pytest.approx(0.15 * q**3, rel=0.5)
        close(found.layers[2], 1.3)


class TestLeavesNoTrace:
    def test_everything_is_as_it_was(self):
        net = nn.Sequential(
            nn.Linear(20, 30), nn.BatchNorm1d(30), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Linear(30, 1)
        )
        net[0].weight.requires_grad_(False)
        net[4].weight.grad = torch.ones_like(net[4].weight)
        before = {k: v.clone() for k, v in net.state_dict().items()}
        random = torch.get_rng_state()
        predict(net, normal(8, 20))
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
        assert torch.equal(random, torch.get_rng_state())
        assert not net[0].weight.requires_grad
        assert torch.equal(net[4].weight.grad, torch.ones_like(net[4].weight))
        assert net[0].weight.grad is None
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())

    def test_the_same_twice(self):
        net = chain(4, 50)
        x = normal(8, 20)
        assert predict(net, x) == predict(net, x)

    def test_a_compiled_model(self):
        net = chain(3, 50)
        x = normal(8, 20)
        assert predict(torch.compile(net), x) == predict(net, x)


class TestInputs:
    def test_tuple_dict_and_output_in_a_structure(self):
        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.one = nn.Linear(4, 8)

            def forward(self, a, b=None):
                return {"answer": (self.one(a + b), 3)}

        a, b = normal(8, 4), normal(8, 4, seed=1)
        assert predict(Two(), (a, b)).layers[-1].measured_gradient is not None
        assert predict(Two(), {"a": a, "b": b}).inputs == 8

    def test_numpy(self):
        net, x = nn.Linear(4, 3), normal(8, 4)
        assert predict(net, x.numpy()) == predict(net, x)

    @pytest.mark.parametrize(
        ("model", "sample", "says"),
        [
            (nn.Sequential(nn.ReLU()), torch.ones(2, 3), "no parameters"),
            (nn.LazyLinear(3), torch.ones(2, 3), "lazy"),
            (nn.Linear(3, 1, device="meta"), torch.ones(2, 3), "meta"),
            (nn.Linear(3, 1), torch.ones(0, 3), "at least one input"),
            (nn.Linear(3, 1), torch.tensor([[1.0, float("nan"), 0.0]]), "NaN"),
            (nn.Linear(3, 1), torch.ones(2, 5), "raised RuntimeError on the sample"),
            (nn.Linear(3, 1), "text", "given a str"),
        ],
    )
    def test_bad_input(self, model, sample, says):
        with pytest.raises(SetupError, match=says):
            predict(model, sample)

    def test_weights_that_are_not_finite(self):
        net = nn.Linear(3, 1)
        nn.init.constant_(net.weight, float("inf"))
        with pytest.raises(SetupError, match="finite weights"):
            predict(net, torch.ones(2, 3))

    def test_bad_draws(self):
        with pytest.raises(ValueError, match="draws: given 0"):
            predict(nn.Linear(3, 1), torch.ones(2, 3), draws=0)

    def test_zero_weights_do_not_raise(self):
        net = chain(4, 10)
        for p in net.parameters():
            nn.init.zeros_(p)
        assert predict(net, normal(8, 20)).layers[-1].measured_mean_square == 0

    def test_weights_so_large_that_signals_overflow(self):
        net = chain(4, 10)
        for p in net.parameters():
            nn.init.constant_(p, 1e15)
        assert "e+" in str(predict(net, normal(8, 20))) or "inf" in str(predict(net, normal(8, 20)))


def test_saved(tmp_path):
    found = predict(chain(4, 50), normal(8, 20))
    assert found.save(tmp_path / "a.json").read_text().startswith("{")
    assert found.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "mean square" in str(found)
