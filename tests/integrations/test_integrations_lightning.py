"""Watching inside Lightning's own Trainer."""

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainability.integrations import lightning_callback
from trainability.watch import read


class Module(lightning.LightningModule):
    """A user's own: its layers are called by `training_step`, never by `forward`."""

    def __init__(self, fail_at=None):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 2))
        self.fail_at = fail_at

    def training_step(self, batch, index):
        if self.global_step == self.fail_at:
            raise ValueError("a loader that raises")
        x, y = batch
        return nn.functional.cross_entropy(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(module, callback, folder, epochs=2, ckpt=None):
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=16)
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", callbacks=[callback], logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, barebones=False,
    )  # fmt: skip
    trainer.fit(module, loader, ckpt_path=ckpt)
    return trainer


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_seen_and_no_hook_is_left(tmp_path):
    module, callback = Module(), lightning_callback(log=tmp_path / "run.jsonl", every=4)
    backward = torch.autograd.backward
    trainer = trained(module, callback, tmp_path)
    found = read(tmp_path / "run.jsonl")
    assert found.steps == trainer.global_step == 32
    assert found.alarms == ()
    assert found.outcome in ("learning", "trained")
    assert found.ended == ""
    assert [name for name, _, role, _ in found.looks[-1].layers if role == "weight"] == ["net.0", "net.2"]
    assert 0 < found.looks[-1].update < 1
    assert torch.autograd.backward is backward
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert not trainer.optimizers[0]._optimizer_step_post_hooks

    path = tmp_path / "state.ckpt"  # a resumed run is told as one
    trainer.save_checkpoint(path)
    again = lightning_callback(log=tmp_path / "run.jsonl", every=4)
    trained(Module(), again, tmp_path, epochs=3, ckpt=path)
    told = read(tmp_path / "run.jsonl")
    assert told.steps == 48
    assert told.restarts == (32,)


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_raises_leaves_nothing(tmp_path):
    callback, backward = lightning_callback(log=tmp_path / "run.jsonl"), torch.autograd.backward
    with pytest.raises(ValueError, match="a loader that raises"):
        trained(Module(fail_at=5), callback, tmp_path)
    assert "a loader that raises" in read(tmp_path / "run.jsonl").ended
    assert torch.autograd.backward is backward
