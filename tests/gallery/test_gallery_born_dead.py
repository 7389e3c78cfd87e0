"""The entry on born-dead nets: its golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import born_dead
from trainability.gallery.born_dead import LAYERS, SCHEMES, WIDTHS, BornDead, Trained
from trainability.theory.dead_units import one_point, two_rays

NETS = 40_000


def made() -> BornDead:
    """Numbers as theory and an independent program have them."""
    shares = {
        (2, 5): (0.499, 0.248, 0.059), (2, 10): (0.879, 0.731, 0.235), (2, 20): (0.994, 0.981, 0.511),
        (3, 10): (0.554, 0.351, 0.060), (3, 20): (0.886, 0.796, 0.190), (5, 20): (0.359, 0.209, 0.023),
    }  # fmt: skip
    cells = {
        (s, c): (round(p * NETS / 10), p, 4 * NETS // 10)
        for c, row in shares.items() for s, p in zip(SCHEMES, row, strict=True)
    }  # fmt: skip
    flat = np.zeros((1, 101), np.float32)

    def trained(scheme, nets, dead, constant, solved):
        return Trained(scheme, nets, dead, nets - dead, constant, solved, 10, 0, 3000, np.zeros(1, np.float32), flat)

    runs = (
        trained("He", 1000, 884, 53, 34),
        trained(SCHEMES[1], 500, 365, 90, 20),
        trained("RAI", 360, 84, 66, 150),
        trained(born_dead.HIDDEN_ONLY, 1000, 238, 314, 309),
    )
    rays = {w: np.round(NETS * two_rays([w] * LAYERS).none).astype(np.int64) for w in WIDTHS}
    one = {w: np.array([round(NETS * one_point([w] * n)) for n in range(1, LAYERS + 1)]) for w in WIDTHS}
    return BornDead(NETS, rays, one, cells, runs)


def failing(data):
    return [c.says for c in born_dead.claims(data) if not c.holds]


def test_the_golden_numbers_hold():
    assert failing(made()) == []


def test_every_claim_can_fail():
    data = made()
    other = {w: n + 800 * (w == 2) for w, n in data.dead_at_one.items()}
    assert any("At one input" in s for s in failing(replace(data, dead_at_one=other)))
    moved = {w: n.copy() for w, n in data.dead.items()}
    moved[3][1] += 200
    assert len(failing(replace(data, dead=moved))) == 2  # the exact case and the chain
    moved = {w: n.copy() for w, n in data.dead.items()}
    moved[5][8] = NETS // 20
    assert any("width 5 above" in s for s in failing(replace(data, dead=moved)))
    cells = data.cells | {("RAI", (2, 10)): (1200, 0.235, 16_000)}
    assert any("two programs" in s for s in failing(replace(data, cells=cells)))
    he, biased, rai, mixed = data.trained
    assert any("for ever" in s for s in failing(replace(data, trained=(replace(he, woken=1), biased, rai, mixed))))
    assert any(
        "fewer nets constant" in s
        for s in failing(replace(data, trained=(he, biased, replace(rai, constant=250), mixed)))
    )
    assert any(
        "more than 90%" in s for s in failing(replace(data, trained=(replace(he, constant=0), biased, rai, mixed)))
    )
    assert any("29 to 33%" in s for s in failing(replace(data, trained=(he, biased, replace(rai, constant=30), mixed))))
    assert any("alone" in s for s in failing(replace(data, trained=(he, biased, rai, replace(mixed, solved=500)))))


def test_claims_on_solved_nets_need_a_long_training():
    data = made()
    short = tuple(replace(t, steps=200) for t in data.trained)
    assert len(born_dead.claims(data)) - len(born_dead.claims(replace(data, trained=short))) == 3


@pytest.mark.parametrize("scheme", [*SCHEMES, born_dead.HIDDEN_ONLY])
def test_the_stack_gives_what_a_plain_network_gives(scheme):
    params = born_dead.draw(scheme, 5, (3, 4), torch.Generator().manual_seed(0))
    x = born_dead.points()
    out, hidden = born_dead.forward(params, x)
    for member in range(5):
        net = torch.nn.Sequential(
            torch.nn.Linear(1, 3), torch.nn.ReLU(), torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)
        )
        with torch.no_grad():
            for i, layer in enumerate(net[::2]):
                layer.weight.copy_(params[f"w{i}"][member])
                layer.bias.copy_(params[f"b{i}"][member, 0])
        assert torch.allclose(net(x[:, None]).ravel(), out[member], atol=1e-5)
        assert torch.allclose(net[:2](x[:, None]), hidden[0][member], atol=1e-6)


def test_a_layer_that_is_0_counts_and_those_behind_it():
    params = born_dead.draw("He", 2, (2, 2, 2), torch.Generator().manual_seed(0))
    params["w0"][:] = torch.tensor([[1.0], [-1.0]])
    params["w1"][0], params["w1"][1] = -1.0, 1.0
    params["w2"][:] = 1.0
    assert born_dead.died(params, torch.tensor([-1.0, 1.0])).tolist() == [[False, True, True], [False, False, False]]
