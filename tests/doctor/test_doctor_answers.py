"""What losses make of right answers and what steps add to them, against cases worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability import Setup
from trainability.doctor.probes import answers_reading, pull_reading
from trainability.doctor.remedies.weigh_penalty import weighed_step
from trainability.setup.loss_family import loss_family

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(96, 5, generator=DRAW)
YES = (X[:, :1] > 0.3).float()
CLASSES = torch.randint(0, 4, (96,), generator=DRAW)
POSITIVE = X[:, :1].exp()
SHARES = torch.randn(96, 4, generator=DRAW).softmax(1)


def setup(loss, y, *ending, columns=1, step=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, columns), *ending)
    return Setup(model, loss, torch.optim.SGD(model.parameters(), lr=0.1), (X, y), batch_size=32, step=step)


def answers(loss, y, *ending, kind="", columns=1, last=None):
    return answers_reading(setup(loss, y, *ending, columns=columns), kind, last)


def hinge(o, y):
    return (1 - o * y).clamp(min=0).mean()


def clipped(p, y):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def dice(p, y):
    return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


def test_a_hinge_of_zero_and_one_pays_nothing_for_right_answers():
    sick = answers(hinge, YES)
    no = float(1 - YES.mean())  # every 0 costs 1 whatever is answered, every 1 nothing beyond the margin
    assert sick.right == pytest.approx(no) == sick.constant == sick.lowest
    well = answers(hinge, 2 * YES - 1)
    assert well.right == 0
    assert well.constant > 0.5


def test_a_multi_label_margin_of_zeros_and_ones_reads_them_as_class_numbers():
    rows = (X[:, :4] > 0).long()
    sick = answers(nn.MultiLabelMarginLoss(), rows, columns=4)
    assert sick.right > sick.constant
    assert sick.lowest_score < 0.8
    numbers = torch.where(rows.bool(), torch.arange(4), 9).sort(1).values  # what the loss wants, ended by -1
    right = F.multilabel_margin_loss(2.0 * rows - 1, numbers.masked_fill(numbers == 9, -1))
    assert float(right) == 0
    assert answers(nn.BCEWithLogitsLoss(), rows.float(), columns=4).right < 1e-6


@pytest.mark.parametrize(
    ("loss", "y", "columns"),
    [
        (nn.CrossEntropyLoss(), CLASSES, 4),
        (nn.MultiMarginLoss(), CLASSES, 4),
        (nn.MSELoss(), POSITIVE, 1),
        (nn.L1Loss(), POSITIVE, 1),
        (nn.PoissonNLLLoss(), POSITIVE.round(), 1),
        (lambda d, same: (same * d**2 + (1 - same) * F.relu(1 - d) ** 2).mean(), YES, 1),
        (lambda o, y: ((o - 500 * y) ** 2).mean(), POSITIVE, 1),
        (
            lambda o, grade: F.binary_cross_entropy_with_logits(o, (grade[:, None] > torch.arange(3)).float()),
            CLASSES,
            3,
        ),
    ],
    ids=["cross-entropy", "margin", "squares", "absolute", "poisson", "contrastive", "scaled", "ordinal"],
)
def test_losses_that_fit_prefer_right_answers(loss, y, columns):
    reading = answers(loss, y, columns=columns)
    assert reading.forms
    assert reading.lowest < 0.9 * reading.constant or reading.lowest < reading.constant - 0.1
    assert not reading.quiet > 0
    assert reading.undefined == 0
    assert not reading.flat_start > 0


def test_an_answer_without_a_logarithm_is_found_where_the_model_can_give_it():
    poisson = nn.PoissonNLLLoss(log_input=False)
    raw, positive = answers(poisson, POSITIVE), answers(poisson, POSITIVE, nn.Softplus(), kind="softplus")
    assert 0 < raw.undefined < 1
    assert raw.undefined_at < 0
    assert positive.undefined == 0


def test_wrong_answers_that_are_cut_are_counted():
    outputs = torch.tensor([[2.0], [2.0], [0.4], [-3.0]]).repeat(24, 1)
    y = torch.tensor([[0.0], [1.0], [0.0], [1.0]]).repeat(24, 1)
    reading = answers(clipped, y, last=outputs)
    assert reading.flat_end == pytest.approx(0.5)  # the first and the last of each four
    assert answers(nn.BCEWithLogitsLoss(), y, last=outputs).flat_end == 0


def test_dice_of_raw_values_has_lower_losses_than_right_probabilities():
    raw = answers(dice, YES)
    assert raw.kept == pytest.approx(0, abs=1e-3)
    assert raw.kept_score == 1
    assert raw.lowest < -1
    assert raw.beyond < 0
    well = answers(lambda z, y: dice(z.sigmoid(), y), YES)
    assert well.lowest > -1e-6
    assert well.logits < 0.01
    assert well.beyond > well.lowest + 0.1


def test_the_best_answer_of_a_divergence_of_probabilities_is_one_class():
    soft = answers(nn.KLDivLoss(reduction="batchmean"), SHARES, nn.Softmax(1), kind="softmax", columns=4)
    away = (F.one_hot(SHARES.argmax(1), 4) - SHARES).abs().sum(1).mean() / 2
    assert soft.soft
    assert soft.linear
    assert soft.distance == pytest.approx(float(away), abs=0.05)
    logs = answers(lambda p, y: F.kl_div(p.log(), y), SHARES, nn.Softmax(1), kind="softmax", columns=4)
    assert logs.distance < 0.05
    assert not logs.linear


def test_a_relative_error_is_deaf_to_all_but_targets_near_zero():
    rain = X[:, :1].clamp_min(0)
    dry = float((rain == 0).double().mean())
    mape = answers(lambda o, y: ((o - y).abs() / y.clamp_min(1e-7)).mean(), rain)
    assert mape.quiet == pytest.approx(1 - dry)
    assert answers(nn.HuberLoss(), rain).quiet == 0


def test_losses_that_raise_or_compare_samples_are_left_alone():
    def refuses(o, y):
        if float(o.abs().max()) > 0.9:
            raise ValueError("no")
        return o.mean() + 0 * y.mean()

    assert answers(refuses, POSITIVE) is None or answers(refuses, POSITIVE).forms == 0

    def cox(risk, y):
        order = y[:, 0].argsort(descending=True)
        risk = risk.flatten()[order]
        return (risk.logcumsumexp(0) - risk).mean()

    reading = answers(cox, torch.cat([POSITIVE, YES], 1))
    assert reading is None or reading.forms == 0


def test_asking_leaves_no_trace():
    one = setup(nn.MSELoss(), POSITIVE)
    one.facts  # noqa: B018
    before = [p.clone() for p in one.model.parameters()]
    state = torch.get_rng_state()
    answers_reading(one, "", None)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) and a.grad is None for a, b in zip(one.model.parameters(), before, strict=True))


def stepping(added):
    def step(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y) + added(model, x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def l1(model, x, y):
    return sum(p.abs().sum() for p in model.parameters())


def test_a_penalty_of_the_step_is_measured_and_knows_no_targets():
    one = setup(nn.MSELoss(), POSITIVE, step=stepping(l1))
    reading = pull_reading(one)
    numbers = sum(p.numel() for p in one.model.parameters())
    assert reading.extra * reading.own == pytest.approx(math.sqrt(numbers), rel=1e-4)  # every sign counts 1
    assert reading.targets == pytest.approx(0, abs=1e-4)
    assert reading.step_loss > reading.own_loss
    alone = pull_reading(setup(nn.MSELoss(), POSITIVE, step=stepping(lambda m, x, y: 0.0)))
    assert alone.extra == pytest.approx(0, abs=1e-6)
    assert alone.cosine == pytest.approx(1)
    assert pull_reading(setup(nn.MSELoss(), POSITIVE)) is None


def test_a_second_loss_of_the_step_hangs_on_the_targets():
    both = pull_reading(
        setup(nn.MSELoss(), POSITIVE, step=stepping(lambda m, x, y: 10 * (m(x) - 3 * y).square().mean()))
    )
    assert both.extra > 3
    assert both.targets > 3


def test_the_pull_is_that_of_the_weights_as_they_are():
    one = setup(nn.MSELoss(), POSITIVE, step=stepping(l1))
    before = pull_reading(one).own_loss
    with torch.no_grad():
        for p in one.model.parameters():
            p.zero_()
    after = pull_reading(one)
    x_loss = after.own_loss
    assert x_loss != before
    assert after.own_loss == pytest.approx(after.step_loss)  # nothing left to be punished


def test_a_weighed_step_is_the_step_with_a_smaller_penalty():
    wanted, given = (setup(nn.MSELoss(), POSITIVE) for _ in range(2))
    stepping(lambda *a: 0.01 * l1(*a))(wanted.model, (X, POSITIVE), wanted.optimizer)
    weighed_step(given.model, (X, POSITIVE), given.optimizer, step=stepping(l1), loss_fn=nn.MSELoss(), factor=0.01)
    for a, b in zip(wanted.model.parameters(), given.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_margins_are_no_cross_entropy_though_neither_sees_a_shift():
    outputs = torch.zeros(8, 4)
    assert loss_family(nn.MultiMarginLoss(), outputs, CLASSES[:8]).name == "custom"
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert loss_family(lambda o, t: weighted(o, t), outputs, CLASSES[:8]).name == "cross-entropy"


def test_a_hand_written_cross_entropy_is_known_on_targets_that_are_no_probabilities():
    y = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    assert loss_family(clipped, torch.zeros(8, 3), y).name == "bce"
