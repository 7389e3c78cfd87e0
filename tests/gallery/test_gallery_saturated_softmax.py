"""The experiment's claims, on the cells and seeds that a test has time for."""

from trainability.gallery import ALL, saturated_softmax


def test_claims_hold_on_a_reduced_experiment():
    squared, entropy = saturated_softmax.LOSSES
    cells = saturated_softmax.experiment(
        seeds=1,
        epochs=4,
        only=[
            ("U[-1, 1]", 1e-2, squared),
            ("He", 1e-2, squared),
            ("U[-1, 1]", 1e-3, entropy),
        ],
    )
    claims = saturated_softmax.check(cells)
    assert len(claims) == 3
    assert all(claims.values()), claims
    texts = [t.get_text() for t in saturated_softmax.figure(cells).axes[0].texts]
    assert len(texts) == 3


def test_the_check_can_fail():
    squared = saturated_softmax.LOSSES[0]
    cell = saturated_softmax.Cell("U[-1, 1]", 1e-2, squared, error=0.004, accuracy=0.98, trained=4, seeds=4)
    assert saturated_softmax.check([cell]) == {"U[-1, 1] freezes at 0.18 per output at lr 0.01": False}


def test_every_experiment_has_its_parts():
    for module in ALL.values():
        assert {"TITLE", "experiment", "check", "figure"} <= set(dir(module))
