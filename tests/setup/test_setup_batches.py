"""Any container becomes the same mini-batches in a seeded order."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from trainability import SetupError
from trainability.setup.batches import LoaderBatches, TensorBatches, batches, steps

X = torch.arange(10.0)[:, None]
Y = torch.arange(10)


class Pairs(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return X[i], Y[i]


class Stream(IterableDataset):
    def __iter__(self):
        return ((X[i], Y[i]) for i in range(10))


def order(data, seed, n=6):
    return [y.tolist() for (_, y), _ in zip(steps(data, seed), range(n), strict=False)]


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        TensorDataset(X, Y),
        Pairs(),
        DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True),
        DataLoader(Pairs(), batch_size=4, shuffle=True),
        DataLoader(Pairs(), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(3)),
    ],
    ids=["tensors", "tensor-dataset", "dataset", "loader-of-tensors", "loader", "loader-with-generator"],
)
def test_an_epoch_is_a_permutation_and_the_seed_decides_it(data):
    b = batches(data, 4)
    assert b.steps_per_epoch == 3
    assert b.n == 10
    one, again, other = order(b, 0), order(b, 0), order(b, 1)
    assert one == again != other
    assert sorted(i for batch in one[:3] for i in batch) == list(range(10))
    assert one[:3] != one[3:]  # reshuffled in the second epoch


def test_a_loader_keeps_its_own_batch_size_and_order():
    b = batches(DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=False), 32)
    assert isinstance(b, TensorBatches)
    assert order(b, 0, 2) == order(b, 7, 2) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_drop_last_is_kept():
    b = batches(DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True, drop_last=True), 4)
    assert b.steps_per_epoch == 2
    assert all(len(y) == 4 for y in order(b, 0, 4))


def test_a_loaders_own_generator_is_put_back():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    b = batches(DataLoader(Pairs(), batch_size=4, shuffle=True, generator=generator), 4)
    assert isinstance(b, LoaderBatches)
    order(b, 0, 3)
    assert torch.equal(before, generator.get_state())


def test_a_stream_is_counted():
    b = batches(DataLoader(Stream(), batch_size=4), None)
    assert (b.n, b.steps_per_epoch) == (None, 3)


def test_full_batch():
    assert batches((X, Y), None).steps_per_epoch == 1


def test_the_sample_is_always_the_same():
    b = batches((X, Y), 2)
    assert torch.equal(b.sample(4)[0], b.sample(4)[0])
    assert len(b.sample(400)[0]) == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((X, Y[:3]), "10 inputs and 3 targets"),
        ((X[:0], Y[:0]), "no samples"),
        (DataLoader(TensorDataset(X[:0], Y[:0]), batch_size=2), "no samples"),
        (X, "pair of tensors"),
        ((X, Y, Y), "a tuple of 3"),
        ((X, "labels"), "targets in data are a str"),
        ((torch.tensor(1.0), torch.tensor(1.0)), "first dimension"),
    ],
)
def test_bad_data_is_named(data, words):
    with pytest.raises(SetupError, match=words):
        batches(data, 2)


def test_a_batch_that_is_no_pair_is_named():
    b = batches(DataLoader(TensorDataset(X), batch_size=2), 2)
    with pytest.raises(SetupError, match="pair of tensors"):
        b.sample(2)
