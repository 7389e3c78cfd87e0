"""Networks nobody here wrote, randomly initialised from their configurations: GPT-2, BERT, ViT, ResNet, ConvNeXt, Llama."""

import math
import time

import pytest
import torch

from trainability.forecast import predict

transformers = pytest.importorskip("transformers")


def tokens():
    return {"input_ids": torch.randint(0, 500, (8, 24), generator=torch.Generator().manual_seed(0))}


def pictures(size):
    return {"pixel_values": torch.randn(8, 3, size, size, generator=torch.Generator().manual_seed(0))}


def gpt2():
    config = transformers.GPT2Config(
        n_layer=3, n_embd=96, n_head=4, vocab_size=500, n_positions=64, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config), tokens()


def bert():
    config = transformers.BertConfig(
        num_hidden_layers=3, hidden_size=96, num_attention_heads=4, intermediate_size=192, vocab_size=500
    )
    return transformers.BertForSequenceClassification(config), tokens()


def llama():
    config = transformers.LlamaConfig(
        num_hidden_layers=2, hidden_size=96, num_attention_heads=4, intermediate_size=192, vocab_size=500
    )
    return transformers.LlamaForCausalLM(config), tokens()


def vit():
    config = transformers.ViTConfig(
        hidden_size=96, num_hidden_layers=3, num_attention_heads=4, intermediate_size=192, image_size=32, patch_size=8
    )
    return transformers.ViTForImageClassification(config), pictures(32)


def resnet():
    config = transformers.ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128], depths=[2, 2, 2], layer_type="basic"
    )
    return transformers.ResNetForImageClassification(config), pictures(64)


def bottleneck():
    config = transformers.ResNetConfig(embedding_size=32, hidden_sizes=[64, 128], depths=[2, 2])
    return transformers.ResNetForImageClassification(config), pictures(32)


def convnext():
    config = transformers.ConvNextConfig(hidden_sizes=[32, 64, 96, 128], depths=[1, 1, 2, 1])
    return transformers.ConvNextForImageClassification(config), pictures(64)


@pytest.mark.parametrize("build", [gpt2, bert, llama, vit, resnet, bottleneck, convnext])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_within_the_stated_error_without_alarm_or_trace(build, mode):
    torch.manual_seed(0)
    model, sample = build()
    model.train(mode == "train")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    began = time.perf_counter()
    found = predict(model, sample)
    assert time.perf_counter() - began < 60  # no bound on speed: only that nothing hangs
    stated = [row for row in found.layers if row.predicted_mean_square is not None]
    assert len(stated) >= 0.8 * len(found.layers)
    for row in stated:
        off = abs(math.log(row.measured_mean_square / row.predicted_mean_square))
        assert off < 1.35 * math.log1p(row.error), row  # three standard deviations each, 40 rows and 14 models
    assert not found.advice, found.advice
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
