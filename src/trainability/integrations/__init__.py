"""Callbacks that watch a run inside another framework's trainer; each imports its framework when it is first used.

    Trainer(callbacks=[lightning_callback(log="run.jsonl")])          # Lightning
    Trainer(..., callbacks=[transformers_callback(log="run.jsonl")])  # Hugging Face
    model.fit(..., callbacks=[keras_callback(log="run.jsonl")])       # Keras 3 on torch
    NeuralNetClassifier(..., callbacks=[skorch_callback(log="run.jsonl")])

All take the options of `trainability.watch` and have `findings` and `report()`.
"""

from trainability.integrations.keras import keras_callback
from trainability.integrations.lightning import lightning_callback
from trainability.integrations.skorch import skorch_callback
from trainability.integrations.transformers import transformers_callback

__all__ = ["keras_callback", "lightning_callback", "skorch_callback", "transformers_callback"]
