"""Watching inside Hugging Face's Trainer."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from trainability.integrations import transformers_callback


class Words(torch.utils.data.Dataset):
    """Twenty-four sentences of eight words; the label is whether word 7 is in them."""

    def __init__(self):
        self.x = torch.randint(0, 50, (64, 8), generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"input_ids": self.x[i], "labels": int((self.x[i] < 10).any())}


@pytest.mark.filterwarnings("ignore")
def test_bert_in_the_trainer_with_accumulation(tmp_path):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, num_labels=2
    )
    model, callback = BertForSequenceClassification(config), transformers_callback(every=2)
    arguments = TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=8, gradient_accumulation_steps=2, num_train_epochs=3,
        learning_rate=1e-3, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    backward = torch.autograd.backward
    Trainer(model=model, args=arguments, train_dataset=Words(), callbacks=[callback]).train()
    found = callback.report()
    assert found.steps == 12
    assert len(callback.watch.losses) == 12  # two backward passes each, told as their mean
    assert 0 < found.start_loss < 2
    assert callback.findings == ()
    assert any(name.endswith("attention.self.query") for name, _, _, _ in found.looks[-1].layers)
    assert torch.autograd.backward is backward
