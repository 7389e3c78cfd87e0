"""The claims of the table, on the cells and seeds that a test has time for, and that they can fail."""

from trainability.gallery import get
from trainability.gallery.saturated_softmax import LOSSES, Cell, claims


def test_the_check_can_fail():
    (claim,) = claims([Cell("U[-1, 1]", 1e-2, LOSSES[0], error=0.004, accuracy=0.98, trained=4, seeds=4)])
    assert not claim.holds
    assert claim.measured == "4 of 4, error 0.004"


def test_the_picture_says_every_cell():
    module = get("saturated-softmax")
    result = module.run(smoke=True)
    texts = [t.get_text() for t in module.figure(result).axes[0].texts]
    assert len(texts) == len(result.data) == 3
